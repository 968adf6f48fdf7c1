/** A container or a server that is started again, twice with a pause of the kubelet's. */
export const RESTARTED = { withinMilliseconds: 40_000, everyMilliseconds: 200 };
