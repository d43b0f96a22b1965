// Flatfile's own packages, unchanged, and what a program with them needs to listen to a server that is not Flatfile's.
const fs = require("node:fs");
const path = require("node:path");
const { createRequire } = require("node:module");

const vendor = createRequire(path.join(__dirname, "..", "npm", "package.json"));

// The driver has no setting for the host of its events.
const PubNub = vendor("pubnub");
const origin = new URL(process.env.FLATFILE_API_URL).host;
vendor.cache[vendor.resolve("pubnub")].exports = class extends PubNub {
  constructor(settings) {
    super({ ...settings, origin, ssl: false });
  }
};

const { FlatfileListener } = vendor("@flatfile/listener");
const { PubSubDriver } = vendor("@flatfile/listener-driver-pubsub");

/** Writes a line into the diary, which outlives the program. */
function note(...words) {
  fs.appendFileSync(process.env.DIARY, `${words.join(" ")}\n`);
}

/** Listens until the program ends; the diary says "listening" when it has begun. */
function listen(scope, arrange) {
  const driver = new PubSubDriver(scope);
  FlatfileListener.create(arrange).mount(driver);
  driver.start().then(() => note("- listening"));
}

module.exports = { vendor, note, listen };
