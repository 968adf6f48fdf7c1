import { INJECTION_LABEL } from '../../core/api/pod-layout.ts';
import type { ConfigReader } from '../../process/config.ts';
import { isLabelSelector, type LabelSelector } from './label-selector.ts';

const DEFAULT: LabelSelector = { matchLabels: { [INJECTION_LABEL.name]: INJECTION_LABEL.value } };

/** Selects the namespaces that are injected: those with INJECTION_LABEL, unless ACTIONGRANT_INJECTION_SELECTOR says otherwise. Complains to the reader. */
export function readInjectionSelector(reader: ConfigReader): LabelSelector {
  return reader.json(
    'ACTIONGRANT_INJECTION_SELECTOR',
    DEFAULT,
    isLabelSelector,
    'a label selector',
  );
}
