import { describe, expect, it } from 'vitest';
import { MemoryBudget } from '../../../../sidecar/intercept/memory-budget.ts';

describe('a memory budget', () => {
  it('is shared by every hold', () => {
    const budget = new MemoryBudget(10);
    const [one, other] = [budget.hold(), budget.hold()];
    one.take(4);
    one.take(3);
    expect(() => other.take(4)).toThrow(expect.objectContaining({ code: 'TooManyRequests' }));
    other.take(3);
    expect(() => one.take(1)).toThrow('TooManyRequests');
  });

  it('says that there is no room to who asks, and then keeps nothing for them', () => {
    const budget = new MemoryBudget(10);
    const hold = budget.hold();
    expect(hold.tryTake(7)).toBe(true);
    expect(hold.tryTake(4)).toBe(false);
    budget.hold().take(3);
    hold.release();
    budget.hold().take(7);
  });

  it('gets back what a hold took, once', () => {
    const budget = new MemoryBudget(10);
    const hold = budget.hold();
    hold.take(10);
    hold.release();
    hold.release();
    const next = budget.hold();
    next.take(10);
    expect(() => budget.hold().take(1)).toThrow('TooManyRequests');
  });
});
