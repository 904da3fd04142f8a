"""What the documents promise: every SQL example in them runs, and the tour of the demo too."""

import os
import re
import subprocess

import pytest

from tests.support.cluster import ROOT

DOCUMENTS = ["README.md", "docs/access.md", "docs/coming-from-pgvector.md", "docs/coming-from-pinecone.md", "docs/filters.md",
             "docs/pinecone-sdks.md"]


@pytest.mark.parametrize("document", DOCUMENTS)
def test_examples_run(server, empty_database, document):
    blocks = re.findall(r"^```sql\n(.*?)^```", (ROOT / document).read_text(), re.MULTILINE | re.DOTALL)
    assert blocks
    server.run("psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", empty_database, stdin="\n".join(blocks))


def test_tour_of_the_demo(server, empty_database):
    environment = {
        **os.environ, **server.env, "PGDATABASE": empty_database, "PATH": f"{server.bindir}:{os.environ['PATH']}"
    }
    done = subprocess.run([ROOT / "demo/run"], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    assert "ERROR" not in done.stdout + done.stderr
    # answers that a person can judge, and that any kernel gives
    questions = {
        "command-line Amazon S3 client": "s4cmd",
        "Multitrack audio recorder and editor": "ecatools",
        "packet sniffer and monitoring tool": "darkstat",
    }
    for question, best in questions.items():
        line = next(line for line in done.stdout.splitlines() if line.lstrip().startswith(question))
        assert line.split("|")[1].strip() == best
