// What a person does with Flatfile's own JavaScript client, over every operation of jobs; prints what it found as one JSON object.
import { createRequire } from "node:module";

const asked = JSON.parse(process.argv[2]);
const { FlatfileClient, FlatfileError } = createRequire(new URL("../npm/package.json", import.meta.url))("@flatfile/api");

const api = new FlatfileClient({ token: asked.token, environment: `${asked.base}/v1` });
const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

async function refusal(call) {
  try {
    await call();
    return "nothing was refused";
  } catch (error) {
    return [error instanceof FlatfileError, error.statusCode, error.body.errors[0].key];
  }
}

async function reached(jobId, status) {
  for (let look = 0; look < 300; look += 1) {
    const { data } = await api.jobs.get(jobId);
    if (data.status === status) return data;
    if (data.status === "failed") throw new Error(JSON.stringify(data));
    await pause(100);
  }
  throw new Error(`${jobId} is not ${status}`);
}

const found = {};
const environmentId = (await api.environments.list()).data[0].id;
const space = (await api.spaces.create({ name: "Node", environmentId })).data;
const fields = [{ key: "name", type: "string", label: "Name" }];
const workbook = (
  await api.workbooks.create({
    name: "W",
    spaceId: space.id,
    environmentId,
    sheets: ["people", "contacts"].map((name) => ({ name, slug: name, fields })),
  })
).data;
const [people, contacts] = workbook.sheets.map((sheet) => sheet.id);
await api.records.insert(people, [{ name: { value: "Ann" } }, { name: { value: "Bob" } }], { compressRequestBody: true });

const wanted = { type: "workbook", operation: "tidy", source: workbook.id, input: { a: 1 }, mode: "background" };
const job = (await api.jobs.create(wanted)).data;
found.created = [job.status, job.trigger, job.createdAt instanceof Date];
found.changed = (await api.jobs.update(job.id, { info: "soon" })).data.info;
found.executed = (await api.jobs.execute(job.id)).data.success;
const taken = (await api.jobs.ack(job.id, { info: "Accepted", progress: 12.5, estimatedCompletionAt: new Date() })).data;
found.taken = [taken.status, taken.progress];
await api.jobs.split(job.id, { parts: 2, runInParallel: true });
const parts = (await api.jobs.list({ parentId: job.id })).data;
found.parts = parts.map((part) => part.partData.part).sort();
for (const part of parts) await api.jobs.complete(part.id);
const outcome = { message: "Done", next: { type: "retry", label: "Again" } };
const done = (await api.jobs.complete(job.id, { outcome, info: "Yes" })).data;
found.completed = [done.status, done.progress, done.outcome.next.type];
found.acknowledged = (await api.jobs.ackOutcome(job.id)).data.outcomeAcknowledgedAt instanceof Date;
found.retried = (await api.jobs.retry(job.id)).data.status;
found.failed = (await api.jobs.fail(job.id, { outcome: { acknowledge: true, message: "No" } })).data.status;
await api.jobs.retry(job.id);
found.cancelled = (await api.jobs.cancel(job.id, { info: "Not now" })).data.status;
found.refused = await refusal(() => api.jobs.complete(job.id));
found.listed = (await api.jobs.list({ workbookId: workbook.id, excludeChildJobs: true, sortDirection: "asc" })).data.length;
found.deleted = (await api.jobs.delete(job.id)).data.success;
found.gone = await refusal(() => api.jobs.get(job.id));

const config = { sourceSheetId: people, destinationSheetId: contacts };
const map = (await api.jobs.create({ ...wanted, operation: "map", destination: workbook.id, config, managed: true })).data;
await reached(map.id, "planning");
const { plan } = (await api.jobs.getExecutionPlan(map.id)).data;
found.plan = plan.fieldMapping.map((edge) => [edge.sourceField.key, edge.metadata.certainty]);
const whole = { ...plan, fileId: "us_fl_none0000", jobId: map.id };
found.put = (await api.jobs.updateExecutionPlan(map.id, whole)).data.plan.fieldMapping.length;
const part = { fileId: "us_fl_none0000", jobId: map.id, unmappedSourceFields: [] };
found.patched = (await api.jobs.updateExecutionPlanFields(map.id, part)).data.plan.fieldMapping.length;
await api.jobs.execute(map.id);
await reached(map.id, "complete");
found.mapped = (await api.records.get(contacts)).data.records.map((record) => record.values.name.value);
const mutateRecord = "(record) => { record.set('name', record.get('name').toUpperCase()) }";
const diffs = (await api.jobs.previewMutation({ sheetId: people, mutateRecord })).data;
found.previewed = diffs.map((diff) => [diff.values.name.value, diff.values.name.snapshotValue]);
await api.spaces.delete(space.id);
process.stdout.write(JSON.stringify(found));
