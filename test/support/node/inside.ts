// Runs inside the enclosure, and as long as the cluster does: inside.ts <state directory> <image layout>
import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PAUSE_IMAGE } from '../../../scripts/images/images.ts';
import { linkUnpacked } from '../../../scripts/images/unpacked.ts';
import type { KubeObject } from '../api-client.ts';
import { readPair, writeState } from '../cluster-files.ts';
import { ControlPlane } from '../control-plane-client.ts';
import { eventually } from '../eventually.ts';
import { createAuthority, issue, type KeyPairPem } from '../pki.ts';
import { writeConfiguration } from './configuration.ts';
import { createDNSService } from './dns-service.ts';
import { importImages } from './import-images.ts';
import {
  API_SERVER_PORT,
  API_SERVICE_ADDRESSES,
  NODE_ADDRESSES,
  NODE_NAME,
  stateFiles,
  UPSTREAM_AUTHORITY,
} from './layout.ts';
import { type Server, supervise } from './server.ts';
import { apiServers, clusterServers, containerRuntime } from './servers.ts';
import { prepareSurroundings } from './surroundings.ts';

const WAIT = { withinMilliseconds: 60_000, everyMilliseconds: 50 };

const [directory = '', imageLayout = ''] = process.argv.slice(2);
const files = stateFiles(directory);
const started = performance.now();

prepareSurroundings(directory);
for (const folder of [files.logs, files.pids, files.held]) mkdirSync(folder);
const configuration = writeConfiguration(directory, PAUSE_IMAGE);
const url = `https://${NODE_ADDRESSES[0]}:${API_SERVER_PORT}`;
await writeState(directory, url, [...NODE_ADDRESSES, ...API_SERVICE_ADDRESSES, '127.0.0.1']);
await writeFurtherCertificates();
const plane = new ControlPlane({ url, directory });

run(apiServers(directory));
const imported = startRuntime();
await eventually(() => apiIsServed(), WAIT);
tell('the API is served');
run(await clusterServers(plane, configuration));
await createDNSService(plane);
await imported;
tell('the images are there');
await eventually(() => nodeIsReady(), WAIT);
tell('the node is ready');
await plane.disconnect();

writeFileSync(`${files.ready}.aside`, JSON.stringify(plane.details));
renameSync(`${files.ready}.aside`, files.ready);
// The supervised servers' handles keep this process going; it ends when it is killed.

function run(servers: readonly Server[]): void {
  for (const server of servers) void supervise(directory, server);
}

async function startRuntime(): Promise<void> {
  const unpacked = await linkUnpacked(imageLayout, files.containerdRoot);
  run([containerRuntime(configuration)]);
  if (!unpacked) await eventually(() => importImages(directory, imageLayout), WAIT);
}

function tell(what: string): void {
  process.stdout.write(`${((performance.now() - started) / 1000).toFixed(1)} s: ${what}\n`);
}

/** The API server's certificate for kubelets, and the authority of tests' servers. */
async function writeFurtherCertificates(): Promise<void> {
  const kubeletClient = await issue(readPair(directory, 'client-ca'), {
    commonName: 'kube-apiserver-kubelet-client',
    organizations: ['system:masters'],
    usage: 'client',
  });
  writePair('kubelet-client', kubeletClient);
  writePair(UPSTREAM_AUTHORITY, await createAuthority('test upstreams'));
}

function writePair(name: string, pair: KeyPairPem): void {
  writeFileSync(join(directory, `${name}.crt`), pair.certificate, { mode: 0o600 });
  writeFileSync(join(directory, `${name}.key`), pair.key, { mode: 0o600 });
}

async function apiIsServed(): Promise<void> {
  await plane.api('GET', '/readyz');
  await plane.api('GET', '/api/v1/namespaces/default/services/kubernetes');
  await plane.api('GET', '/api/v1/namespaces/kube-system');
}

interface Node extends KubeObject {
  readonly status: { readonly conditions: readonly { type: string; status: string }[] };
}

async function nodeIsReady(): Promise<void> {
  const node = await plane.api<Node>('GET', `/api/v1/nodes/${NODE_NAME}`);
  const ready = node.status.conditions.find(({ type }) => type === 'Ready');
  if (ready?.status !== 'True') throw new Error('the node is not ready');
  // Every pod gets it, so pods come after it.
  await plane.api('GET', '/api/v1/namespaces/default/serviceaccounts/default');
}
