/** docs/reference/injection.md has the variables that are injected, and the numbers that pods are held to. */

import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { CLIENT_VARIABLES } from '../../../controller/injection/client-environment.ts';
import {
  AGENT_DIRECTORY,
  DEFAULT_AGENT_UID,
  INJECTION_LABEL,
  POD_VOLUMES,
  SIDECAR_CONFIG_MAP,
  SIDECAR_METRICS_PORT_NAME,
  SIDECAR_PORTS,
  SIDECAR_UID,
} from '../../../core/api/pod-layout.ts';
import { codesIn, rowsOf } from './tables.ts';

test('variables of clients: every one, with its value', () => {
  const documented = rowsOf('injection.md', 'Variables of clients').map(([name, value]) => [
    codesIn(name)[0],
    codesIn(value)[0]?.replace('<agent>', AGENT_DIRECTORY),
  ]);
  expect(documented).toEqual(
    CLIENT_VARIABLES.map(({ name, value }) => [name, value.split(' ')[0]]),
  );
});

test('names and numbers are those of the code', () => {
  const page = readFileSync(
    new URL('../../../docs/reference/injection.md', import.meta.url),
    'utf8',
  );
  for (const value of [
    `${INJECTION_LABEL.name}=${INJECTION_LABEL.value}`,
    AGENT_DIRECTORY,
    DEFAULT_AGENT_UID,
    POD_VOLUMES.agent,
    SIDECAR_CONFIG_MAP,
    SIDECAR_METRICS_PORT_NAME,
    SIDECAR_UID,
    ...Object.values(SIDECAR_PORTS),
  ]) {
    expect(page).toContain(`${value}`);
  }
});
