import net from 'node:net';

/**
 * A crowd of connections in a process of its own, so that its descriptors and memory are not the server's: each begins
 * with the same bytes, and may go on to send one more byte now and then. Tells on its output, a line of JSON each time
 * that something changes, how many are connected, how many were answered with which status, were told of a change, and
 * were closed. Ends with its input.
 */
const [url = '', count = '', begunBase64 = '', drip = ''] = process.argv.slice(2);
const begun = Buffer.from(begunBase64, 'base64');
const { hostname, port } = new URL(url);
const seen = { connected: 0, closed: 0, told: 0, statuses: {} as Record<string, number> };
let shown = '';

function open(): void {
  const socket = net.connect({ host: hostname, port: Number(port) });
  let head = '';
  let told = false;
  const dripping = drip === '' ? undefined : setInterval(() => socket.writable && socket.write(drip), 500);
  socket.on('connect', () => {
    seen.connected += 1;
    socket.write(begun);
  });
  socket.on('data', (piece: Buffer) => {
    const text = piece.toString('latin1');
    if (head === '') {
      head = text;
      const status = text.slice(9, 12);
      seen.statuses[status] = (seen.statuses[status] ?? 0) + 1;
    }
    if (told || !text.includes('event: change')) return;
    told = true;
    seen.told += 1;
  });
  socket.on('error', () => undefined);
  socket.on('close', () => {
    clearInterval(dripping);
    seen.closed += 1;
  });
}

for (let opened = 0; opened < Number(count); opened++) open();
setInterval(() => {
  const now = JSON.stringify(seen);
  if (now !== shown) process.stdout.write(`${now}\n`);
  shown = now;
}, 50);
process.stdin.on('end', () => process.exit(0)).resume();
