// The whole way of a file by Flatfile's own JavaScript client: uploaded, extracted, mapped, mended, submitted to a listener, exported.
import { createReadStream } from "node:fs";
import { createRequire } from "node:module";

const asked = JSON.parse(process.argv[2]);
const { FlatfileClient } = createRequire(new URL("../npm/package.json", import.meta.url))("@flatfile/api");

const api = new FlatfileClient({ token: asked.token, environment: `${asked.base}/v1` });

async function waited(what, look) {
  for (let turn = 0; turn < 300; turn += 1) {
    const found = await look();
    if (found) return found;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`there is no ${what}`);
}

async function reached(jobId, status) {
  return waited(`${status} job`, async () => {
    const { data } = await api.jobs.get(jobId);
    if (data.status === "failed") throw new Error(JSON.stringify(data));
    return data.status === status && data;
  });
}

const found = {};
const environmentId = (await api.environments.list()).data[0].id;
const space = (await api.spaces.create({ name: "Way", environmentId })).data;
const { fields } = asked;
const sheets = [{ name: "Contacts", slug: "contacts", fields }];
const workbook = (await api.workbooks.create({ name: "W", spaceId: space.id, environmentId, sheets })).data;
const sheet = workbook.sheets[0].id;

const upload = (await api.files.upload(createReadStream(asked.file), { spaceId: space.id, environmentId })).data;
const extraction = (await waited("extraction", async () => (await api.jobs.list({ fileId: upload.id })).data))[0];
await reached(extraction.id, "complete");
const file = (await api.files.get(upload.id)).data;
const source = (await api.workbooks.get(file.workbookId)).data;
found.extracted = [extraction.operation, file.status, source.sheets[0].config.fields.map((field) => field.key)];

const config = { sourceSheetId: source.sheets[0].id, destinationSheetId: sheet };
const wanted = { type: "workbook", operation: "map", source: source.id, destination: workbook.id, config, managed: true };
const map = (await api.jobs.create(wanted)).data;
await reached(map.id, "planning");
const { plan } = (await api.jobs.getExecutionPlan(map.id)).data;
found.planned = plan.fieldMapping.map((edge) => [edge.sourceField.key, edge.destinationField.key]);
await api.jobs.execute(map.id);
await reached(map.id, "complete");

const wrong = (await api.records.get(sheet, { filter: "error" })).data.records;
found.wrong = wrong.map((record) => Object.values(record.values).flatMap((cell) => cell.messages.map((one) => one.source)));
await api.records.update(sheet, [{ ...wrong[0], values: { ...wrong[0].values, ...asked.mended } }]);
await api.sheets.validate(sheet);
found.counts = (await api.sheets.getRecordCounts(sheet)).data.counts.error;

const submission = { type: "sheet", operation: "submit", source: sheet, trigger: "immediate", input: { region: "eu" } };
const job = (await api.jobs.create(submission)).data;
const query = { spaceId: space.id, topic: "job:ready", pageSize: 100 };
const told = await waited("word of the job", async () =>
  (await api.events.list(query)).data.find((event) => event.context.jobId === job.id),
);
await api.jobs.ack(told.context.jobId, { info: "Accepted", progress: 1 });
const submitted = (await api.records.get(told.context.sheetId, { filter: "valid" })).data.records;
await api.jobs.complete(job.id, { outcome: { message: `${submitted.length} contacts` } });
found.submitted = [told.payload.job, told.payload.input, (await api.jobs.get(job.id)).data.outcome.message];

const leaving = { type: "sheet", operation: "export", source: sheet, trigger: "immediate", config: { options: {} } };
const exported = await reached((await api.jobs.create(leaving)).data.id, "complete");
const pieces = [];
for await (const piece of await api.files.download(exported.outcome.next.files[0].fileId)) pieces.push(piece);
found.exported = Buffer.concat(pieces).toString();
await api.spaces.delete(space.id);
console.log(JSON.stringify(found));
