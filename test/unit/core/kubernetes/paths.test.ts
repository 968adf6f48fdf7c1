import { describe, expect, test } from 'vitest';
import type { ObjectReference, Resource } from '../../../../core/kubernetes/object.ts';
import {
  collectionPath,
  creationPath,
  objectPath,
  withQuery,
} from '../../../../core/kubernetes/paths.ts';
import { configMaps, leases, namespaces } from '../../../../core/kubernetes/resources.ts';

test.for<[resource: Resource, namespace: string | undefined, path: string]>([
  [configMaps, 'soc', '/api/v1/namespaces/soc/configmaps'],
  [configMaps, undefined, '/api/v1/configmaps'],
  [leases, 'soc', '/apis/coordination.k8s.io/v1/namespaces/soc/leases'],
  [namespaces, undefined, '/api/v1/namespaces'],
  [namespaces, 'ignored', '/api/v1/namespaces'],
])('the collection of %o in %s is %s', ([resource, namespace, path]) => {
  expect(collectionPath(resource, namespace)).toBe(path);
});

test.for<[reference: ObjectReference, subresource: string | undefined, path: string]>([
  [{ namespace: 'soc', name: 'a' }, undefined, '/api/v1/namespaces/soc/configmaps/a'],
  [{ namespace: 'soc', name: 'a' }, 'status', '/api/v1/namespaces/soc/configmaps/a/status'],
  [{ namespace: 'soc', name: '../b' }, undefined, '/api/v1/namespaces/soc/configmaps/..%2Fb'],
  [{ namespace: 's?c', name: 'a#b' }, undefined, '/api/v1/namespaces/s%3Fc/configmaps/a%23b'],
])('the object %o, subresource %s, is at %s', ([reference, subresource, path]) => {
  expect(objectPath(configMaps, reference, subresource)).toBe(path);
});

describe('a name that would lead elsewhere is refused', () => {
  test.each(['', '.', '..'])('the name %j', (name) => {
    expect(() => objectPath(configMaps, { namespace: 'soc', name })).toThrow('is not a name');
  });

  test.each(['.', '..'])('the namespace %j', (namespace) => {
    expect(() => objectPath(configMaps, { namespace, name: 'a' })).toThrow('is not a name');
  });

  test('no namespace, for an object that has one', () => {
    expect(() => objectPath(configMaps, { name: 'a' })).toThrow('a namespace is needed');
    expect(() => creationPath(configMaps, '')).toThrow('a namespace is needed');
  });
});

test('an object is created in its collection', () => {
  expect(creationPath(configMaps, 'soc')).toBe('/api/v1/namespaces/soc/configmaps');
  expect(creationPath(namespaces, undefined)).toBe('/api/v1/namespaces');
});

test('parameters are encoded, and those that are absent are left out', () => {
  expect(
    withQuery('/a', { limit: 5, watch: true, labelSelector: 'a=b,c', continue: undefined }),
  ).toBe('/a?limit=5&watch=true&labelSelector=a%3Db%2Cc');
  expect(withQuery('/a', { limit: undefined })).toBe('/a');
});
