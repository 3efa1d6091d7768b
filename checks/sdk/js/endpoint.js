const PORTS = new Map([["http", "80"], ["ws", "80"], ["https", "443"], ["wss", "443"], ["redis", "6379"]]);

export function socket(address) {
  const found = multiaddr(address);
  if (found) return found.host.includes(":") ? `[${found.host}]:${found.port}` : `${found.host}:${found.port}`;
  const { scheme, authority } = split(address);
  if (authority.slice(authority.lastIndexOf("]") + 1).includes(":")) return authority;
  const port = PORTS.get(scheme);
  return authority && port ? `${authority}:${port}` : undefined;
}

export function host(address) {
  const found = multiaddr(address);
  if (found) return found.host;
  const { authority } = split(address);
  if (authority.startsWith("[")) return authority.slice(1).split("]")[0];
  const parts = authority.split(":");
  // More than one colon is an IPv6 address, not a port.
  return parts.length === 2 ? parts[0] : authority;
}

function split(address) {
  const at = address.indexOf("://");
  const scheme = at < 0 ? "" : address.slice(0, at);
  const authority = (at < 0 ? address : address.slice(at + 3)).split(/[/?#]/)[0];
  return { scheme, authority: authority.slice(authority.lastIndexOf("@") + 1) };
}

function multiaddr(address) {
  const [empty, kind, host, transport, port] = address.split("/");
  const known = empty === "" && transport === "tcp" && ["ip4", "ip6", "dns", "dns4", "dns6"].includes(kind);
  return known && port !== undefined ? { host, port } : undefined;
}
