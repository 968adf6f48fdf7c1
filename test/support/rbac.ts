/** Rights, and when they are in effect: the API server's authorizer hears of new roles and bindings from watches. */

import type { ControlPlane, KubeObject } from './control-plane.ts';
import type { Identity } from './control-plane-client.ts';
import { eventually } from './eventually.ts';

const IN_EFFECT_MILLISECONDS = 30_000;

interface AccessReview extends KubeObject {
  status: { allowed: boolean };
}

/** A right as `verb resource[/subresource][.group][ name]`, as an access review asks for it; without a namespace: everywhere. */
export function resourceAttributes(right: string, namespace?: string): object {
  const [verb, what = '', name] = right.split(' ');
  const [path = '', ...group] = what.split('.');
  const [resource, subresource] = path.split('/');
  return {
    verb,
    group: group.join('.'),
    resource,
    ...(subresource === undefined ? {} : { subresource }),
    ...(name === undefined ? {} : { name }),
    ...(namespace === undefined ? {} : { namespace }),
  };
}

/** Whether somebody has this right by now. */
export async function isAllowed(
  plane: ControlPlane,
  { user, groups = [] }: Identity,
  right: string,
  namespace?: string,
): Promise<boolean> {
  const spec = { user, groups, resourceAttributes: resourceAttributes(right, namespace) };
  const { status } = await plane.api<AccessReview>(
    'POST',
    '/apis/authorization.k8s.io/v1/subjectaccessreviews',
    { spec },
  );
  return status.allowed;
}

/** Waits until bindings that were just created are in effect: one right of each is enough, for a role comes as a whole. */
export async function untilAllowed(
  plane: ControlPlane,
  who: Identity,
  rights: readonly string[],
  namespace?: string,
): Promise<void> {
  for (const right of rights) {
    await eventually(
      async () => {
        if (await isAllowed(plane, who, right, namespace)) return;
        throw new Error(`${who.user} may not ${right} yet`);
      },
      { withinMilliseconds: IN_EFFECT_MILLISECONDS, everyMilliseconds: 20 },
    );
  }
}
