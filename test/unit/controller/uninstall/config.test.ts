import { expect, test } from 'vitest';
import { readUninstallConfig } from '../../../../controller/uninstall/config.ts';

const ENVIRONMENT = {
  ACTIONGRANT_NAMESPACE: 'actiongrant-system',
  ACTIONGRANT_RELEASE_NAME: 'actiongrant',
  ACTIONGRANT_RELEASE_REVISION: '7',
  ACTIONGRANT_INJECTION_SELECTOR: '{"matchLabels":{"agents":"yes"}}',
  ACTIONGRANT_KUBECONFIG: '/etc/kubeconfig',
};

test('the settings that the chart writes are read', () => {
  expect(readUninstallConfig({ ...ENVIRONMENT, ACTIONGRANT_PATIENCE_SECONDS: '5' })).toEqual({
    release: { namespace: 'actiongrant-system', name: 'actiongrant', revision: '7' },
    injectionSelector: { matchLabels: { agents: 'yes' } },
    retrySeconds: 5,
    kubernetes: { type: 'Kubeconfig', path: '/etc/kubeconfig' },
  });
});

test('every variable that is missing is named', () => {
  expect(() => readUninstallConfig({ ACTIONGRANT_KUBECONFIG: '/etc/kubeconfig' })).toThrow(
    /ACTIONGRANT_NAMESPACE is required; ACTIONGRANT_RELEASE_NAME is required; ACTIONGRANT_RELEASE_REVISION is required/,
  );
});
