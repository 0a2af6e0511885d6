// Stations that ask a central system whether a driver may charge, and the central system asks the service. Both ends
// validate each message by the schemas of OCPP.
// In: JSON { service, station, cases: [{ protocol, idToken }] } on standard input. Out: a JSON array of
// { status, millis }, or { error } for an answer that is no valid one.
const { RPCServer, RPCClient } = require("ocpp-rpc");

const { service, station, cases } = JSON.parse(require("fs").readFileSync(0, "utf8"));
const protocols = ["ocpp1.6", "ocpp2.0.1"];

async function ask(uid) {
  const answer = await fetch(`${service}/api/v1/authorize`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ stationId: station, driverToken: `ocpi.uid.RFID~${uid}` }),
  });
  if (!answer.ok) throw new Error(`the service answered ${answer.status}`);
  return answer.json();
}

async function main() {
  const central = new RPCServer({ protocols, strictMode: true });
  central.on("client", (client) => {
    client.handle("Authorize", async ({ params }) =>
      client.protocol === "ocpp1.6"
        ? { idTagInfo: { status: (await ask(params.idTag)).ocpp16 } }
        : { idTokenInfo: { status: (await ask(params.idToken.idToken)).ocpp201 } }
    );
  });
  const listening = await central.listen(0, "127.0.0.1");
  const endpoint = `ws://127.0.0.1:${listening.address().port}`;

  const stations = {};
  for (const protocol of protocols) {
    const name = `station-${protocol}`;
    stations[protocol] = new RPCClient({ endpoint, identity: name, protocols: [protocol], strictMode: true });
    await stations[protocol].connect();
  }

  const answers = [];
  for (const { protocol, idToken } of cases) {
    const started = performance.now();
    try {
      const answer = await stations[protocol].call(
        "Authorize",
        protocol === "ocpp1.6" ? { idTag: idToken } : { idToken: { idToken, type: "ISO14443" } }
      );
      const { status } = answer.idTagInfo ?? answer.idTokenInfo;
      answers.push({ status, millis: Math.round(performance.now() - started) });
    } catch (error) {
      answers.push({ error: `${error.rpcErrorCode ?? error.name}: ${error.message}` });
    }
  }

  for (const client of Object.values(stations)) await client.close();
  await central.close();
  process.stdout.write(JSON.stringify(answers));
}

main().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
