"""The guide to the Flow Service door is true: what its console blocks enter works, against a server, one after the other."""

import json
import re
import subprocess
from pathlib import Path

from api.flowservice.house import installation

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "flow-service.md"
_BLOCK = re.compile(r"^```console\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def test_the_guide_to_the_flow_service_is_true(tmp_path: Path) -> None:
    """A newcomer who pastes its blocks has a flow, sees why its run failed, and has rows after the retry."""
    blocks = [block for block in _BLOCK.findall(GUIDE.read_text()) if "headrace serve" not in block]
    with installation(tmp_path) as made:
        script = re.sub(r"^\$ ", "", "".join(blocks), flags=re.MULTILINE)
        # The files that the server may read lie in the folder ``files`` here.
        script = script.replace("http://127.0.0.1:8080", made.client.base)
        (tmp_path / "data").symlink_to(tmp_path / "files")
        script = script.replace("'$PWD'/data", "'$PWD'/files")
        ended = subprocess.run(
            ["sh", "-e", "-c", script], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
        )
    told = ended.stdout
    assert ended.returncode == 0, told + ended.stderr
    assert "FLOW-" not in told
    assert '"result":true' in told
    assert '"code":"3700","column":"age"' in told
    assert re.findall(r"(success|failed)$", told, re.MULTILINE) == ["failed", "success"]
    (rows,) = re.findall(r'\{"data":\[\{"_id".*?\}\]\}', told)
    assert [(row["_id"], row["contact"]) for row in json.loads(rows)["data"]] == [
        ("1", {"email": "ann@example.com"}),
        ("3", {"email": "cid@example.com"}),
    ]
