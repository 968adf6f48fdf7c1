/** The Secret `actiongrant-ca`: the authorities that all replicas share. */

import { ProblemError } from '../../core/api/problem.ts';
import type { KubernetesClient } from '../../core/kubernetes/client.ts';
import { isKubernetesError } from '../../core/kubernetes/error.ts';
import { type Secret as SecretObject, secrets } from '../../core/kubernetes/resources.ts';
import { Secret } from '../../core/text/secret.ts';
import { readAuthority, readAuthorityPair } from './authority.ts';
import type { Authorities } from './plan.ts';

/** Name of the Secret with the authorities, and of the ConfigMap with the bundle to trust. */
export const AUTHORITY_NAME = 'actiongrant-ca';

export interface StoredAuthorities {
  authorities: Authorities;
  resourceVersion: string;
}

/**
 * Reads the authorities from the API server.
 * @throws ProblemError ConfigurationInvalid if the Secret holds something else: it is never overwritten, since someone may
 * have put it there on purpose.
 */
export async function readAuthorities(
  client: KubernetesClient,
  namespace: string,
): Promise<StoredAuthorities | null> {
  try {
    const secret = await client.get(secrets, { namespace, name: AUTHORITY_NAME });
    return {
      authorities: decode(secret.data ?? {}, namespace),
      resourceVersion: secret.metadata.resourceVersion,
    };
  } catch (error) {
    if (isKubernetesError(error, 'NotFound')) return null;
    throw error;
  }
}

/**
 * Writes the authorities, if nobody else did since they were read.
 * @returns false if somebody did: read again.
 */
export async function writeAuthorities(
  client: KubernetesClient,
  namespace: string,
  authorities: Authorities,
  read: StoredAuthorities | null,
): Promise<boolean> {
  const secret: SecretObject = {
    metadata: {
      namespace,
      name: AUTHORITY_NAME,
      labels: { 'app.kubernetes.io/name': 'actiongrant' },
      ...(read === null ? {} : { resourceVersion: read.resourceVersion }),
    },
    type: 'Opaque',
    data: encode(authorities),
  };
  try {
    if (read === null) await client.create(secrets, secret);
    else await client.replace(secrets, secret);
    return true;
  } catch (error) {
    // NotFound: deleted since it was read.
    if (isKubernetesError(error, 'AlreadyExists', 'Conflict', 'NotFound')) return false;
    throw error;
  }
}

function encode({ active, next, previous }: Authorities): Record<string, string> {
  const data: Record<string, string> = {
    'tls.crt': base64(active.pem),
    'tls.key': base64(active.key.reveal()),
  };
  if (next !== undefined) {
    data['next.crt'] = base64(next.pem);
    data['next.key'] = base64(next.key.reveal());
  }
  if (previous !== undefined) data['previous.crt'] = base64(previous.pem);
  return data;
}

function decode(data: Readonly<Record<string, string>>, namespace: string): Authorities {
  const text = (key: string): string => Buffer.from(data[key] ?? '', 'base64').toString('utf8');
  const pair = (name: string) =>
    readAuthorityPair(text(`${name}.crt`), new Secret(text(`${name}.key`)));
  try {
    return {
      active: pair('tls'),
      ...(data['next.crt'] === undefined ? {} : { next: pair('next') }),
      ...(data['previous.crt'] === undefined
        ? {}
        : { previous: readAuthority(text('previous.crt')) }),
    };
  } catch (cause) {
    throw new ProblemError(
      'ConfigurationInvalid',
      `The Secret ${namespace}/${AUTHORITY_NAME} does not hold the certificate authority that the controller keeps there. If nothing else uses it, delete it, and the controller makes a new one.`,
      { cause },
    );
  }
}

function base64(text: string): string {
  return Buffer.from(text, 'utf8').toString('base64');
}
