// A relying party with `jose`: reads cases as JSON, writes a verdict for each. tests/relying_party.py says what is in them.
import { readFileSync } from "node:fs";
import { createRemoteJWKSet, importSPKI, jwtVerify } from "jose";

const keySets = new Map();

async function keyOf(asked) {
  if (asked.secret !== null) return Buffer.from(asked.secret, "base64");
  if (asked.spki !== null) return importSPKI(asked.spki, asked.algorithms[0]);
  if (!keySets.has(asked.jwks_url)) keySets.set(asked.jwks_url, createRemoteJWKSet(new URL(asked.jwks_url)));
  return keySets.get(asked.jwks_url);
}

async function judge(asked) {
  try {
    const { payload, protectedHeader } = await jwtVerify(asked.token, await keyOf(asked), {
      algorithms: asked.algorithms,
      audience: asked.audience ?? undefined,
      issuer: asked.issuer ?? undefined,
      typ: asked.typ ?? undefined,
      requiredClaims: asked.required,
      clockTolerance: asked.leeway,
      currentDate: new Date(asked.now * 1000),
    });
    return { claims: payload, header: protectedHeader, reason: null };
  } catch (error) {
    return { claims: null, header: null, reason: error.code ?? `${error.name}: ${error.message}` };
  }
}

const verdicts = [];
for (const asked of JSON.parse(readFileSync(0, "utf8"))) verdicts.push(await judge(asked));
process.stdout.write(JSON.stringify(verdicts));
