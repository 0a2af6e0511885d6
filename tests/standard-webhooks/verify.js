// Verifies callbacks by the package of the Standard Webhooks authors.
// In: a JSON array of { key, headers, body } on standard input. Out: a JSON array of true or false.
const { Webhook, WebhookVerificationError } = require("standardwebhooks");

const isValid = ({ key, headers, body }) => {
  try {
    new Webhook(key).verify(body, headers);
    return true;
  } catch (error) {
    if (error instanceof WebhookVerificationError) return false;
    throw error;
  }
};

const input = require("fs").readFileSync(0, "utf8");
process.stdout.write(JSON.stringify(JSON.parse(input).map(isValid)));
