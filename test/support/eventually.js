import { setTimeout as sleep } from 'node:timers/promises';
/** Tries again until it no longer throws (real time); then fails as it last did. */
export async function eventually(attempt, { withinMilliseconds = 5_000, everyMilliseconds = 5 } = {}) {
    const deadline = performance.now() + withinMilliseconds;
    for (;;) {
        try {
            return await attempt();
        }
        catch (error) {
            if (performance.now() > deadline)
                throw error;
            await sleep(everyMilliseconds);
        }
    }
}
