/** What the controller says to every pod alike, in a file that it writes. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { SETTINGS_FILES } from '../core/api/pod-layout.ts';
import { isRecord } from '../core/text/json.ts';

export const SETTINGS_VARIABLE = 'ACTIONGRANT_SETTINGS';

/** What the controller says to every pod alike. The pod's own environment comes before it. */
export function readSharedSettings(directory: string | undefined): {
  values: Record<string, string>;
  complaint?: string;
} {
  if (directory === undefined || directory === '') return { values: {} };
  const name = SETTINGS_FILES.settings;
  try {
    const parsed: unknown = JSON.parse(readFileSync(join(directory, name), 'utf8'));
    return { values: settingsIn(parsed) };
  } catch (error) {
    const reason = (error as Error).message;
    return { values: {}, complaint: `names a directory whose ${name} cannot be used (${reason})` };
  }
}

/** @throws TypeError unless it is an object of our own settings, all of them text */
function settingsIn(parsed: unknown): Record<string, string> {
  if (!isRecord(parsed)) {
    throw new TypeError('it is no JSON object');
  }
  const entries = Object.entries(parsed).map(([name, value]: [string, unknown]) => {
    if (!name.startsWith('ACTIONGRANT_') || name === SETTINGS_VARIABLE) {
      throw new TypeError('it has a member that is no setting of the sidecar');
    }
    if (typeof value !== 'string') throw new TypeError(`its member ${name} is no string`);
    return [name, value] as const;
  });
  return Object.fromEntries(entries);
}
