// Reads {name: [address, base]} as JSON and says what a browser makes of each (WHATWG URL): origin, path, query, fragment.
import { readFileSync } from "node:fs";

const found = {};
for (const [name, [address, base]] of Object.entries(JSON.parse(readFileSync(0, "utf-8")))) {
  try {
    const url = new URL(address, base);
    found[name] = {
      origin: url.origin,
      protocol: url.protocol,
      host: url.host,
      user: url.username + url.password,
      path: url.pathname,
      query: [...url.searchParams],
      fragment: url.hash.slice(1),
      href: url.href,
    };
  } catch {
    found[name] = null;
  }
}
process.stdout.write(JSON.stringify(found));
