import { once } from 'node:events';
import { connect, createServer } from 'node:net';
export async function startBalancer(port = 0) {
    let backends = [];
    let next = 0;
    const sockets = new Set();
    const join = (client, tries) => {
        const backend = backends[next++ % Math.max(backends.length, 1)];
        if (backend === undefined || tries === 0) {
            client.destroy();
            return;
        }
        const upstream = connect({ host: '127.0.0.1', port: backend });
        upstream.once('error', () => {
            if (upstream.connecting || upstream.bytesRead === 0)
                join(client, tries - 1);
            else
                client.destroy();
        });
        upstream.once('connect', () => {
            upstream.removeAllListeners('error');
            upstream.on('error', () => client.destroy());
            upstream.on('close', () => client.destroy());
            client.on('close', () => upstream.destroy());
            sockets.add(upstream);
            upstream.once('close', () => sockets.delete(upstream));
            client.pipe(upstream).pipe(client);
        });
    };
    const server = createServer({ noDelay: true, pauseOnConnect: false }, (client) => {
        sockets.add(client);
        client.on('error', () => client.destroy());
        client.once('close', () => sockets.delete(client));
        join(client, Math.max(backends.length, 1));
    });
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    if (address === null || typeof address === 'string')
        throw new Error('not listening');
    return {
        port: address.port,
        setBackends(ports) {
            backends = ports;
        },
        async close() {
            server.close();
            for (const socket of sockets)
                socket.destroy();
            await once(server, 'close');
        },
    };
}
