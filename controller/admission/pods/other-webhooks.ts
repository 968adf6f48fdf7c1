/** Which webhooks of others change new pods of a namespace. Pure. */

import type { Live } from '../../../core/kubernetes/object.ts';
import type {
  RegisteredWebhook,
  WebhookConfiguration,
} from '../../../core/kubernetes/resources.ts';
import { isLabelSelector, selects } from '../../injection/label-selector.ts';

type Labels = Readonly<Record<string, string>>;

/** Ours end like this; nobody else may have such a name without meaning to be taken for us. */
const OWN_SUFFIX = '.actiongrant.dev';

/** Names of the configurations, in the order in which the API server calls them. */
export function webhooksOfOthers(
  configurations: readonly Live<WebhookConfiguration>[],
  labels: { namespace: Labels; pod: Labels },
): string[] {
  return configurations
    .filter(({ webhooks = [] }) =>
      webhooks.some(
        (webhook) =>
          !webhook.name.endsWith(OWN_SUFFIX) &&
          isCalledForNewPods(webhook) &&
          matches(webhook.namespaceSelector, labels.namespace) &&
          matches(webhook.objectSelector, labels.pod),
      ),
    )
    .map(({ metadata }) => metadata.name)
    .sort();
}

function isCalledForNewPods({ rules = [] }: RegisteredWebhook): boolean {
  const has = (list: readonly string[] = [], ...wanted: string[]): boolean =>
    wanted.some((each) => list.includes(each));
  return rules.some(
    ({ apiGroups, operations, resources }) =>
      has(apiGroups, '', '*') &&
      has(operations, 'CREATE', '*') &&
      has(resources, 'pods', '*', '*/*', 'pods/*'),
  );
}

/** A selector that we cannot read may select. */
function matches(selector: object | undefined, labels: Labels): boolean {
  return selector === undefined || !isLabelSelector(selector) || selects(selector, labels);
}
