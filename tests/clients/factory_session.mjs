// What a person does with Microsoft's own JavaScript client, @azure/arm-datafactory; prints what it found as one JSON object.
import { createRequire } from "node:module";

const asked = JSON.parse(process.argv[2]);
const { DataFactoryManagementClient } = createRequire(new URL("../npm/package.json", import.meta.url))("@azure/arm-datafactory");

const credential = { getToken: async () => ({ token: "x", expiresOnTimestamp: Date.now() + 3600000 }) };
const adf = new DataFactoryManagementClient(credential, "00000000-0000-0000-0000-000000000000", {
  endpoint: asked.base,
  allowInsecureConnection: true,
});
adf.pipeline.removePolicy({ name: "bearerTokenAuthenticationPolicy" });
adf.pipeline.addPolicy({
  name: "token",
  sendRequest: (request, next) => {
    request.headers.set("Authorization", "Bearer my-token");
    return next(request);
  },
});

const group = "rg";
const factory = "javascript";
const always = { lastUpdatedAfter: new Date("2000-01-01"), lastUpdatedBefore: new Date("2100-01-01") };
const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

async function ended(runId) {
  for (let look = 0; look < 600; look += 1) {
    const run = await adf.pipelineRuns.get(group, factory, runId);
    if (["Succeeded", "Failed", "Cancelled"].includes(run.status)) return run;
    await pause(100);
  }
  throw new Error(`run ${runId} does not end`);
}

async function rows(runId) {
  const found = await adf.activityRuns.queryByPipelineRun(group, factory, runId, always);
  return Object.fromEntries(found.value.map((row) => [row.activityName, [row.status, row.recoveryStatus]]));
}

async function refusal(call) {
  try {
    await call();
    return "nothing was refused";
  } catch (error) {
    return [error.name, error.statusCode, error.code];
  }
}

const call = (name, after) => ({
  name,
  type: "WebActivity",
  dependsOn: after ? [{ activity: after, dependencyConditions: ["Succeeded"] }] : [],
  method: "POST",
  url: `${asked.world}/js/${name.toLowerCase()}`,
  body: { day: "@pipeline().parameters.day" },
});

await adf.factories.createOrUpdate(group, factory, { location: "local" });
await adf.pipelines.createOrUpdate(group, factory, "steps", {
  activities: [call("One"), call("Two", "One")],
  parameters: { day: { type: "String" } },
});
await adf.pipelines.createOrUpdate(group, factory, "long", {
  activities: [{ name: "Pause", type: "Wait", waitTimeInSeconds: 600 }],
});
const listed = [];
for await (const pipeline of adf.pipelines.listByFactory(group, factory)) listed.push(pipeline.name);

const { runId } = await adf.pipelines.createRun(group, factory, "steps", { parameters: { day: "monday" } });
const failed = await ended(runId);
const again = await adf.pipelines.createRun(group, factory, "steps", {
  referencePipelineRunId: runId,
  isRecovery: true,
  startFromFailure: true,
});
const recovered = await ended(again.runId);
const runs = await adf.pipelineRuns.queryByFactory(group, factory, {
  ...always,
  filters: [{ operand: "RunGroupId", operator: "Equals", values: [runId] }],
});
const long = await adf.pipelines.createRun(group, factory, "long");
while ((await adf.pipelineRuns.get(group, factory, long.runId)).status === "Queued") await pause(50);
await adf.pipelineRuns.cancel(group, factory, long.runId, { isRecursive: true });

process.stdout.write(
  JSON.stringify({
    listed,
    failed: [failed.status, failed.parameters, failed.runGroupId === runId],
    recovered: [recovered.status, recovered.runGroupId === runId, recovered.isLatest],
    runs: runs.value.map((run) => run.runId),
    ids: [again.runId, runId],
    rows: [await rows(runId), await rows(again.runId)],
    cancelled: (await ended(long.runId)).status,
    refused: await refusal(() => adf.pipelines.createRun(group, factory, "nowhere")),
  }),
);
