// The vendor's plugins, unchanged, in a listener of one space.
const { vendor, note, listen } = require("./jobs_stock.cjs");

const { jobHandler } = vendor("@flatfile/plugin-job-handler");
const { recordHook } = vendor("@flatfile/plugin-record-hook");
const { automap } = vendor("@flatfile/plugin-automap");

listen(process.env.SPACE_ID, (on) => {
  on.on("**", (event) => note(event.topic, event.payload.job ?? "", event.context.jobId ?? event.context.commitId ?? ""));
  on.use(
    recordHook("contacts", (record) => {
      record.set("full", `${record.get("first")} ${record.get("last")}`);
      if (!String(record.get("email")).includes("@")) record.addError("email", "is no address");
      note("hooked", record.get("email"));
      return record;
    }),
  );
  on.use(
    jobHandler("workbook:submit", async (event, tick) => {
      await tick(50, "Half of it");
      if (event.payload.input.refuse) throw new Error("The target is closed");
      return { outcome: { message: `Sent to ${event.payload.input.region}` } };
    }),
  );
  on.use(automap({ accuracy: "confident", defaultTargetSheet: "Contacts", debug: true, onFailure: () => note("automap", "failed") }));
});
