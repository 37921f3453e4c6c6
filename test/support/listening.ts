import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

const LISTEN = '0A';

/**
 * Where a process listens on TCP, as `127.0.0.1:80`; an address of IPv6 stays as the kernel writes it.
 *
 * @see proc(5): /proc/pid/fd, /proc/pid/net/tcp
 */
export function listeningAt(pid: number): string[] {
  const open = new Set(readdirSync(`/proc/${pid}/fd`).map((fd) => linkOf(`/proc/${pid}/fd/${fd}`)));
  return ['tcp', 'tcp6'].flatMap((protocol) =>
    readFileSync(`/proc/${pid}/net/${protocol}`, 'utf8')
      .trim()
      .split('\n')
      .slice(1)
      .map((line) => line.trim().split(/\s+/))
      .filter(([, , , state, , , , , , inode]) => state === LISTEN && open.has(`socket:[${inode ?? ''}]`))
      .map(([, address = '']) => addressOf(address)),
  );
}

function linkOf(file: string): string {
  try {
    return readlinkSync(file);
  } catch {
    return ''; // closed meanwhile
  }
}

/** From `0100007F:0050`. */
function addressOf(text: string): string {
  const [host = '', port = ''] = text.split(':');
  const shown = host.length === 8 ? [...Buffer.from(host, 'hex').reverse()].join('.') : host;
  return `${shown}:${parseInt(port, 16)}`;
}
