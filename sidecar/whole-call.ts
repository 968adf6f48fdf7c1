import type { DescribedCall } from './describe/body.ts';
import type { ActionDescription } from './describe/call-types.ts';
import type { CallBody } from './intercept/read-body.ts';

/** A call, described to its end. */
export interface WholeCall {
  description: ActionDescription;
  described: DescribedCall;
  body: CallBody;
}
