import { expect, test } from 'vitest';
import { readInstallationTestConfig } from '../../../../controller/installation-test/config.ts';

const ENVIRONMENT = {
  ACTIONGRANT_CONTROLLER_URL: 'https://actiongrant-controller.actiongrant-system.svc',
  ACTIONGRANT_CONTROLLER_CA: '/etc/actiongrant/ca.crt',
  ACTIONGRANT_AGENT_NAMESPACES: 'soc, shop',
  ACTIONGRANT_INJECTION_SELECTOR: '{"matchLabels":{"agents":"yes"}}',
  ACTIONGRANT_KUBECONFIG: '/etc/kubeconfig',
};

test('the settings that the chart writes are read', () => {
  expect(readInstallationTestConfig(ENVIRONMENT)).toEqual({
    controllerURL: 'https://actiongrant-controller.actiongrant-system.svc',
    controllerCA: '/etc/actiongrant/ca.crt',
    agentNamespaces: ['soc', 'shop'],
    injectionSelector: { matchLabels: { agents: 'yes' } },
    retrySeconds: 30,
    kubernetes: { type: 'Kubeconfig', path: '/etc/kubeconfig' },
  });
});

test('every variable that is missing is named', () => {
  expect(() => readInstallationTestConfig({ ACTIONGRANT_KUBECONFIG: '/etc/kubeconfig' })).toThrow(
    /ACTIONGRANT_CONTROLLER_URL is required; ACTIONGRANT_CONTROLLER_CA is required/,
  );
});
