import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';
/**
 * A loopback port that is free now. It is drawn from below the ephemeral range (Linux starts at
 * 32768), so no outgoing connection takes it before its server does, or while that restarts.
 */
export async function freePort() {
    for (;;) {
        const port = randomInt(20_000, 32_000);
        if (await isFree(port))
            return port;
    }
}
async function isFree(port) {
    const server = createServer();
    try {
        server.listen(port, '127.0.0.1');
        await once(server, 'listening');
        return true;
    }
    catch {
        return false;
    }
    finally {
        server.close();
    }
}
