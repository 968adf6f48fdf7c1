// Started as a process of its own: the lifecycle test kills it and looks at what is left.
import { startControlPlane } from './control-plane.ts';

const plane = await startControlPlane();
process.stdout.write(`${JSON.stringify({ ...plane.processIds, directory: plane.directory })}\n`);
setInterval(() => {}, 60_000);
