"""What moves data, made with the typed models of Microsoft's own Python client and run; prints what it found as one JSON object.

Run as a program of its own, once with each version of the client.
"""

import json
import sys
from typing import Any

from azure.mgmt import datafactory

from clients.factory_client import GROUP, NINE, VERSION, client, ended, rows_of, wire

ASKED = json.loads(sys.argv[1])
FACTORY = f"moving-{VERSION.replace('.', '-')}"
models: Any = datafactory.models
adf = client(ASKED["base"])


def main() -> dict[str, Any]:
    """Return what was found."""
    adf.factories.create_or_update(GROUP, FACTORY, models.Factory(location="local"))
    services()
    datasets()
    adf.pipelines.create_or_update(GROUP, FACTORY, "moves", models.PipelineResource(activities=activities()))
    kept = wire(adf.pipelines.get(GROUP, FACTORY, "moves"))["properties"]["activities"]
    run = adf.pipelines.create_run(GROUP, FACTORY, "moves").run_id
    status = ended(adf, FACTORY, run)
    rows = {row["activityName"]: row for row in rows_of(adf, FACTORY, run)}
    adf.pipelines.create_or_update(GROUP, FACTORY, "all", models.PipelineResource(activities=everything()))
    stored = wire(adf.pipelines.get(GROUP, FACTORY, "all"))["properties"]["activities"]
    return {
        "version": VERSION,
        "types": {one["name"]: one["type"] for one in kept},
        "status": [status.status, status.message],
        "copied": rows["Copy"]["output"].get("rowsCopied"),
        "looked": rows["Look"]["output"].get("firstRow"),
        "told": rows["Tell"]["output"].get("itemName"),
        "removed": rows["Remove"]["output"].get("filesDeleted"),
        "ends": {
            one["name"]: [one["typeProperties"]["source"]["type"], one["typeProperties"]["sink"]["type"]]
            for one in stored
        },
    }


def services() -> None:
    """Make a linked service of each sort with typed models."""
    secret = models.SecureString(value="hidden")
    made = {
        "files": ("FileServer", models.FileServerLinkedService(host=ASKED["files"], user_id="ann", password=secret)),
        "blobs": (
            "AzureBlobStorage",
            models.AzureBlobStorageLinkedService(connection_string="AccountName=a;AccountKey=a2V5"),
        ),
        "sql": (
            "AzureSqlDatabase",
            models.AzureSqlDatabaseLinkedService(connection_string="Server=s;Database=d;User ID=u;Password=p"),
        ),
        "pg": (
            "PostgreSqlV2",
            models.PostgreSqlV2LinkedService(
                server="s", username="u", database="d", authentication_type="Basic", ssl_mode=2
            ),
        ),
        "rest": (
            "RestService",
            models.RestServiceLinkedService(url="http://127.0.0.1:1", authentication_type="Anonymous"),
        ),
    }
    for name, (kind, model) in made.items():
        adf.linked_services.create_or_update(
            GROUP, FACTORY, name, models.LinkedServiceResource(properties=typed(model, kind))
        )


def datasets() -> None:
    """Make a dataset of each sort with typed models."""
    made = {
        "csv": (
            "DelimitedText",
            models.DelimitedTextDataset(
                **of("files"), location=place("in"), first_row_as_header=True, column_delimiter=","
            ),
        ),
        "parquet": ("Parquet", models.ParquetDataset(**of("files"), location=place("out"))),
        "json": ("Json", models.JsonDataset(**of("files"), location=place("json"))),
        "bytes": ("Binary", models.BinaryDataset(**of("files"), location=place("in"))),
        "excel": ("Excel", models.ExcelDataset(**of("files"), location=place("in"), sheet_name="S")),
        "xml": ("Xml", models.XmlDataset(**of("files"), location=place("in"))),
        "avro": ("Avro", models.AvroDataset(**of("files"), location=place("in"), avro_compression_codec="deflate")),
        "blob": (
            "Parquet",
            models.ParquetDataset(**of("blobs"), location=models.AzureBlobStorageLocation(container="c")),
        ),
        "sql": ("AzureSqlTable", models.AzureSqlTableDataset(**of("sql"), table="t")),
        "pg": ("PostgreSqlV2Table", models.PostgreSqlV2TableDataset(**of("pg"), table="t")),
        "rest": ("RestResource", models.RestResourceDataset(**of("rest"), relative_url="items")),
    }
    for name, (kind, model) in made.items():
        adf.datasets.create_or_update(GROUP, FACTORY, name, models.DatasetResource(properties=typed(model, kind)))


def activities() -> list[Any]:
    """Return typed activities that are run: the newer client writes no type of theirs, and the server finds it out."""
    source = models.DelimitedTextSource(store_settings=models.FileServerReadSettings(recursive=True))
    after = [models.ActivityDependency(activity="Copy", dependency_conditions=["Succeeded"])]
    last = [models.ActivityDependency(activity=name, dependency_conditions=["Succeeded"]) for name in ("Look", "Tell")]
    return [
        copying("Copy", "csv", "parquet", source, models.ParquetSink(store_settings=models.FileServerWriteSettings())),
        models.LookupActivity(name="Look", source=source, dataset=reference("csv"), depends_on=after),
        models.GetMetadataActivity(name="Tell", dataset=reference("csv"), field_list=["itemName"], depends_on=after),
        models.DeleteActivity(
            name="Remove",
            dataset=reference("bytes"),
            enable_logging=False,
            store_settings=models.FileServerReadSettings(recursive=True),
            depends_on=last,
        ),
    ]


def everything() -> list[Any]:
    """Return a Copy for each source and sink, which are not run."""
    sources = {
        "json": models.JsonSource(store_settings=models.FileServerReadSettings()),
        "excel": models.ExcelSource(store_settings=models.FileServerReadSettings()),
        "xml": models.XmlSource(
            store_settings=models.FileServerReadSettings(),
            format_settings=models.XmlReadSettings(validation_mode="none"),
        ),
        "avro": models.AvroSource(store_settings=models.FileServerReadSettings()),
        "blob": models.ParquetSource(store_settings=models.AzureBlobStorageReadSettings(prefix="p")),
        "sql": models.AzureSqlSource(sql_reader_query="SELECT 1", partition_option="None"),
        "pg": models.PostgreSqlV2Source(query="SELECT 1"),
        "rest": models.RestSource(pagination_rules={"AbsoluteUrl": "$.next"}),
    }
    keys = models.SqlUpsertSettings(**{"keys" if NINE else "keys_property": ["id"]})
    sinks = {
        "json": models.JsonSink(format_settings=models.JsonWriteSettings(file_pattern="setOfObjects")),
        "sql": models.AzureSqlSink(write_behavior="upsert", upsert_settings=keys),
        "rest": models.RestSink(request_method="POST"),
    }
    pairs = [(source, "json") for source in sources] + [("json", sink) for sink in sinks if sink != "json"]
    made = [copying(f"{one} to {other}", one, other, sources[one], sinks[other]) for one, other in pairs]
    if NINE:
        made[0].translator = models.TabularTranslator(mappings=[{"source": {"name": "a"}, "sink": {"name": "b"}}])
    return made


def copying(name: str, source: str, sink: str, reads: Any, writes: Any) -> Any:
    """Return a typed Copy."""
    return models.CopyActivity(
        name=name, inputs=[reference(source)], outputs=[reference(sink)], source=reads, sink=writes
    )


def of(service: str) -> dict[str, Any]:
    """Return what a dataset says of its linked service."""
    return {"linked_service_name": models.LinkedServiceReference(type="LinkedServiceReference", reference_name=service)}


def place(folder: str) -> Any:
    """Return a folder of the files."""
    return models.FileServerLocation(folder_path=folder)


def reference(name: str) -> Any:
    """Return a reference to a dataset."""
    return models.DatasetReference(type="DatasetReference", reference_name=name)


def typed(model: Any, kind: str) -> Any:
    """Return the model with its type: the newer client leaves it out, whatever it is constructed with."""
    model.type = kind
    return model


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(), default=str))
