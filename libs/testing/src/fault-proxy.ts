import { createServer, connect } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';

export type ProxyMode = 'pass' | 'cut' | 'blackhole';

/** A TCP proxy between a process and a server it needs, for faults that come from outside. */
export interface FaultProxy {
  /** The given URL with the proxy's address in place of the server's. */
  url: string;
  /** `cut` resets every connection, also new ones; `blackhole` takes bytes and passes nothing on. */
  set(mode: ProxyMode): void;
  close(): Promise<void>;
}

/** Puts a proxy in front of the server that a URL names. */
export async function startFaultProxy(target: string): Promise<FaultProxy> {
  const { hostname, port } = new URL(target);
  const pairs = new Set<[Socket, Socket]>();
  let mode: ProxyMode = 'pass';
  const reset = () => {
    for (const pair of pairs) for (const socket of pair) socket.resetAndDestroy();
    pairs.clear();
  };
  const server = createServer((client) => {
    if (mode === 'cut') {
      client.resetAndDestroy();
      return;
    }
    const upstream = connect(Number(port), hostname);
    const pair: [Socket, Socket] = [client, upstream];
    pairs.add(pair);
    client.on('data', (chunk) => mode === 'pass' && upstream.write(chunk));
    upstream.on('data', (chunk) => mode === 'pass' && client.write(chunk));
    for (const [socket, other] of [pair, [upstream, client]] as Array<[Socket, Socket]>) {
      socket.on('error', () => other.destroy());
      socket.on('close', () => {
        other.destroy();
        pairs.delete(pair);
      });
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = new URL(target);
  url.hostname = '127.0.0.1';
  url.port = String((server.address() as AddressInfo).port);
  return {
    url: url.href,
    set: (next) => {
      mode = next;
      if (mode === 'cut') reset();
    },
    close: async () => {
      reset();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
