// What a person does with the records of a sheet by Flatfile's own JavaScript client; prints what it found as one JSON object.
import { createRequire } from "node:module";

const asked = JSON.parse(process.argv[2]);
const { FlatfileClient } = createRequire(new URL("../npm/package.json", import.meta.url))("@flatfile/api");

const api = new FlatfileClient({ token: asked.token, environment: `${asked.base}/v1` });
const found = {};
const environmentId = (await api.environments.list()).data[0].id;
const space = (await api.spaces.create({ name: "Records", environmentId })).data;
const fields = [
  { key: "name", type: "string", label: "Name" },
  { key: "age", type: "number", label: "Age" },
];
const sheets = [{ name: "people", slug: "people", fields }];
const workbook = (await api.workbooks.create({ name: "W", spaceId: space.id, environmentId, sheets })).data;
const sheet = workbook.sheets[0].id;
const names = async (query) =>
  (await api.records.get(sheet, query)).data.records.map((record) => [record.values.name.value, record.values.age.value]);

const inserted = await api.records.insert(
  sheet,
  [{ name: { value: "Ann" }, age: { value: 3 } }, { name: { value: "Bob" } }, { name: { value: "Cleo" }, age: { value: "x" } }],
  { compressRequestBody: true },
);
const [ann, bob, cleo] = inserted.data.records;
found.inserted = [inserted.data.success, inserted.data.records.length, Object.keys(ann).sort()];
ann.values.age.value = 4;
found.updated = (await api.records.update(sheet, [ann])).data.commitId !== inserted.data.commitId;
found.wrong = await names({ filter: "error" });
found.asked = await names({ q: "age eq 4 or name eq Bob", sortField: "name", sortDirection: "desc", includeCounts: true });
await api.records.findAndReplace(sheet, { fieldKey: "name", find: "o", replace: "0", searchValue: "b" });
await api.records.delete(sheet, { ids: [cleo.id] });
found.left = await names();
found.indices = (await api.records.indices(sheet, { ids: [bob.id] })).map((item) => item.index);
found.counts = (await api.sheets.getRecordCounts(sheet, { byField: true })).data.counts.byField.age;
found.cells = (await api.cells.getValues(sheet, { fieldKey: "age", distinct: true, includeCounts: true })).data.age;

const snapshot = (await api.snapshots.createSnapshot({ sheetId: sheet, label: "before" })).data;
found.written = await api.records.v2.writeRaw([{ name: "Dan", age: 9 }, { __k: ann.id, age: null }, { __k: bob.id, __d: true }], {
  sheetId: sheet,
  silent: true,
});
found.lines = (await api.records.v2.getRaw(sheet, { includeTimestamps: true })).map((line) => [line.name, line.age, typeof line.__u]);
const streamed = [];
for await (const record of api.records.v2.getRawStreaming(sheet, { fields: ["name"], sortField: "name" })) streamed.push(record.name);
found.streamed = streamed;
const { summary } = (await api.snapshots.getSnapshot(snapshot.id, { includeSummary: true })).data;
found.since = [summary.createdSince.total, summary.updatedSince.byField, summary.deletedSince.total];
await api.snapshots.restoreSnapshot(snapshot.id, { created: true, updated: true, deleted: true });
found.restored = (await names()).sort();
console.log(JSON.stringify(found));
