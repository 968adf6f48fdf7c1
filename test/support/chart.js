import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseAllDocuments, stringify } from 'yaml';
import { ROOT, toolPath } from '../../scripts/tools.js';
const CHART = join(ROOT, 'charts/actiongrant');
const RELEASE_NAMESPACE = 'actiongrant-system';
const IN_EFFECT_MILLISECONDS = 30_000;
/** Renders the chart with the real helm. @throws Error with what helm says */
export async function renderChart(values = {}) {
    const text = await helm(['template', 'actiongrant', CHART, `--namespace=${RELEASE_NAMESPACE}`, '--values=-'], stringify(values));
    return parseAllDocuments(text)
        .map((document) => document.toJS())
        .filter((manifest) => manifest !== null);
}
/** Runs the real helm. @throws Error with its output */
export function helm(args, input = '') {
    return new Promise((resolve, reject) => {
        const child = execFile(toolPath('helm'), [...args], { maxBuffer: 64 * 1024 * 1024 }, (error, stdout, stderr) => {
            if (error)
                reject(new Error(`helm ${args[0]}: ${stdout}${stderr}`));
            else
                resolve(stdout);
        });
        child.stdin?.end(input);
    });
}
/**
 * Installs the chart as Helm 4 does (server-side apply, the CRDs first) and waits until its admission policies are in
 * effect. They hold for the whole cluster, so use a control plane of the test file's own. The namespaces of
 * `rbac.agentNamespaces` must exist.
 */
export async function installChart(plane, values = {}, options = {}) {
    const manifests = await renderChart(values);
    const crds = manifests.filter(({ kind }) => kind === 'CustomResourceDefinition');
    const others = manifests
        .filter((manifest) => !crds.includes(manifest))
        .flatMap((manifest) => outOfCluster(manifest, options));
    await apply(plane, [
        { apiVersion: 'v1', kind: 'Namespace', metadata: { name: RELEASE_NAMESPACE } },
        ...crds,
    ]);
    if (crds.length > 0) {
        const names = crds.map(({ metadata }) => `crd/${metadata.name}`);
        await mustRun(plane, ['wait', '--for=condition=Established', '--timeout=30s', ...names]);
    }
    await apply(plane, others);
    await untilPoliciesAreInEffect(plane);
    const token = await plane.api('POST', `/api/v1/namespaces/${RELEASE_NAMESPACE}/serviceaccounts/actiongrant-controller/token`, { spec: { expirationSeconds: 3600 } });
    return {
        namespace: RELEASE_NAMESPACE,
        controllerUsername: `system:serviceaccount:${RELEASE_NAMESPACE}:actiongrant-controller`,
        controllerKubeconfig: await plane.kubeconfigForToken(token.status.token),
    };
}
/** Webhooks by URL, for a controller that is no pod; every other manifest as it is. */
function outOfCluster(manifest, { webhookURL, caBundle }) {
    if (!manifest.kind.endsWith('WebhookConfiguration'))
        return [manifest];
    if (webhookURL === undefined)
        return [];
    const { webhooks, ...rest } = manifest;
    const bundle = caBundle === undefined ? {} : { caBundle: Buffer.from(caBundle).toString('base64') };
    return [
        {
            ...rest,
            webhooks: webhooks.map((webhook) => ({
                ...webhook,
                clientConfig: { url: `${webhookURL}${webhook.clientConfig.service.path}`, ...bundle },
            })),
        },
    ];
}
/**
 * The API server takes new policies and bindings from two watches, each in order, so once the last pair is in effect, all
 * before it are.
 */
async function untilPoliciesAreInEffect(plane) {
    const name = 'last-policy';
    const admission = 'admissionregistration.k8s.io/v1';
    const resourceRules = [
        { apiGroups: [''], apiVersions: ['v1'], resources: ['configmaps'], operations: ['CREATE'] },
    ];
    const last = [
        {
            apiVersion: admission,
            kind: 'ValidatingAdmissionPolicy',
            metadata: { name },
            spec: {
                matchConstraints: { resourceRules },
                validations: [{ expression: `object.metadata.name != '${name}'`, message: 'in effect' }],
            },
        },
        {
            apiVersion: admission,
            kind: 'ValidatingAdmissionPolicyBinding',
            metadata: { name },
            spec: { policyName: name, validationActions: ['Deny'] },
        },
    ];
    await apply(plane, last);
    const path = `/api/v1/namespaces/${RELEASE_NAMESPACE}/configmaps?dryRun=All`;
    const deadline = Date.now() + IN_EFFECT_MILLISECONDS;
    for (;;) {
        const { status } = await plane.request('POST', path, { metadata: { name } });
        if (status >= 400)
            break;
        if (Date.now() > deadline)
            throw new Error('the admission policies did not take effect');
        await sleep(50);
    }
    await mustRun(plane, ['delete', '-f', '-'], toYaml(last));
}
async function apply(plane, manifests) {
    const args = ['apply', '--server-side', '--force-conflicts', '--field-manager=helm', '-f', '-'];
    await mustRun(plane, args, toYaml(manifests));
}
async function mustRun(plane, args, input = '') {
    const { code, stderr } = await plane.kubectl(args, { input });
    if (code !== 0)
        throw new Error(`kubectl ${args[0]} failed: ${stderr}`);
}
function toYaml(manifests) {
    return manifests.map((manifest) => `---\n${stringify(manifest)}`).join('');
}
