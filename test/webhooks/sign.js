// The sender's own library as a filter: each line of stdin is a webhook, as JSON.
// With "sign", adds its signature; with "verify", whether it is good.
'use strict';

const { Webhook } = require('svix');

const deeds = {
  sign: ({ secret, id, timestamp, body }) => new Webhook(secret).sign(id, new Date(timestamp * 1000), body),
  verify: ({ secret, id, timestamp, signature, body }) => {
    try {
      new Webhook(secret).verify(body, { 'svix-id': id, 'svix-timestamp': timestamp, 'svix-signature': signature });
      return true;
    } catch (error) {
      return false;
    }
  },
};
const deed = deeds[process.argv[2]];
const lines = require('fs').readFileSync(0, 'utf8').split('\n').filter((line) => line !== '');

for (const line of lines) console.log(JSON.stringify(deed(JSON.parse(line))));
