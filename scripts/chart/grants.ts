/** What the chart says of grants as the code does: the words of rules, and the marks of GitOps tools. */

import { stringify } from 'yaml';
import {
  DECIDED_BY_THE_CONTROLLER,
  markedBy,
  REQUESTER_MAY_NOT_DECIDE,
} from '../../controller/admission/grants/grant-refusals.ts';
import { TRACKING_MARKS } from '../../controller/admission/grants/tracking-marks.ts';
import {
  AUDIENCE_OF_THE_API_SERVER,
  REQUESTER_MAY_NOT_DELEGATE,
} from '../../controller/credentials/service-account-token-refusals.ts';
import type { GrantRefusal } from '../../controller/grants/grant-refusal.ts';
import { cel, concatenation } from './cel.ts';
import type { Definition } from './definition.ts';

export function grantRules(): Definition[] {
  const requester = cel('request.userInfo.username');
  const namespace = cel('request.namespace');
  return [
    {
      name: 'grantRules',
      comment: 'What the policy about grants refuses with, by ID of the rule. YAML.',
      text: stringify(
        {
          'audience-of-the-api-server': inPolicy(AUDIENCE_OF_THE_API_SERVER),
          'decided-by-the-controller': inPolicy(DECIDED_BY_THE_CONTROLLER),
          'requester-may-not-decide': inPolicy(REQUESTER_MAY_NOT_DECIDE, { requester, namespace }),
          'requester-may-not-delegate': inPolicy(REQUESTER_MAY_NOT_DELEGATE, {
            requester,
            namespace,
            account: cel('variables.account'),
          }),
        },
        { lineWidth: 0 },
      ),
    },
    {
      name: 'trackingMarks',
      comment: 'Marks of tools that create again what is gone. YAML.',
      text: stringify(
        // `on` is true in the YAML that Helm reads.
        TRACKING_MARKS.map(({ tool, on, ...mark }) => ({
          in: on,
          ...mark,
          advice: `${markedBy(tool)}.`,
        })),
        { lineWidth: 0 },
      ),
    },
  ];
}

interface PolicyRefusal {
  readonly message: string;
  /** The same with its values, as CEL. */
  readonly messageExpression?: string;
}

function inPolicy<V extends Record<string, string>>(
  { field, reason, general }: GrantRefusal<V>,
  values?: V,
): PolicyRefusal {
  const message = `${field}: ${general}.`;
  if (values === undefined) return { message };
  return { message, messageExpression: concatenation(`${field}: ${reason(values)}.`) };
}
