import { expect } from 'chai';
import { once } from 'node:events';
import http from 'node:http';
import net, { type AddressInfo } from 'node:net';
import { createReadByTurns } from '../../../../../prediction/server/http/read-by-turns.ts';

const FULL = Buffer.alloc(64 * 1024);

describe('prediction server: bodies are read by turns', () => {
  it('lets a few of many go on in each turn, in the order in which they came', () => {
    const turns: (() => void)[] = [];
    const readByTurns = createReadByTurns((turn) => turns.push(turn));
    const log: string[] = [];
    const requests = Array.from({ length: 6 }, (_, index) => ({
      pause: () => log.push(`pause ${index}`),
      resume: () => log.push(`resume ${index}`),
    }));
    for (const request of requests) readByTurns(request, FULL);
    expect(log.splice(0)).to.deep.equal([0, 1, 2, 3, 4, 5].map((index) => `pause ${index}`));
    expect(turns).to.have.length(1);
    turns.shift()?.();
    expect(log.splice(0)).to.deep.equal([0, 1, 2, 3].map((index) => `resume ${index}`));
    for (const request of requests.slice(0, 2)) readByTurns(request, FULL);
    log.length = 0;
    turns.shift()?.();
    expect(log.splice(0)).to.deep.equal([4, 5, 0, 1].map((index) => `resume ${index}`));
    expect(turns).to.have.length(0);
  });

  it('leaves alone what comes in small parts', () => {
    const turns: (() => void)[] = [];
    const readByTurns = createReadByTurns((turn) => turns.push(turn));
    const request = { pause: () => expect.fail('it goes on'), resume: () => undefined };
    for (let turn = 0; turn < 40; turn += 1) {
      readByTurns(request, Buffer.alloc(1_000));
      turns.shift()?.();
    }
  });

  it('counts small parts of one turn together', () => {
    const readByTurns = createReadByTurns(() => undefined);
    let pauses = 0;
    const request = { pause: () => (pauses += 1), resume: () => undefined };
    for (let part = 0; part < 17; part += 1) readByTurns(request, Buffer.alloc(1_000));
    expect(pauses).to.equal(1);
  });

  it('takes less than half a megabyte of a connection before others have their turn, and all of it in the end', async () => {
    const readByTurns = createReadByTurns();
    const sizeBytes = 40e6;
    let [size, sizeOfTurn, most] = [0, 0, 0];
    const server = http.createServer((request, response) => {
      request.on('data', (part: Buffer) => {
        size += part.length;
        if (sizeOfTurn === 0) setImmediate(() => (sizeOfTurn = 0));
        sizeOfTurn += part.length;
        most = Math.max(most, sizeOfTurn);
        readByTurns(request, part);
      });
      request.on('end', () => response.end());
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const socket = net.connect((server.address() as AddressInfo).port, '127.0.0.1'); // of a server of TCP
    socket.write(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${sizeBytes}\r\n\r\n`);
    socket.write(Buffer.alloc(sizeBytes));
    await once(socket, 'data');
    socket.destroy();
    server.close();
    expect(size).to.equal(sizeBytes);
    expect(most).to.be.lessThan(512 * 1024);
  });
});
