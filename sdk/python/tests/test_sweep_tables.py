"""Sweeps of tables, and as tables."""

import pandas as pd
import pytest

from mecapy import MecaPy


def test_a_table_is_swept_by_its_rows(client: MecaPy) -> None:
    @client.task
    def add(x, y):
        return x + y

    table = pd.DataFrame({"x": [1, 2], "y": [0.5, 1.5]}, index=["a", "b"])
    assert add.map(table).results() == [1.5, 3.5]
    with pytest.raises(TypeError, match="entry 0: .* no argument 'z'"):
        add.map(table.rename(columns={"y": "z"}))
    with pytest.raises(TypeError, match="the same name"):
        add.map(pd.concat([table, table], axis=1))


def test_a_sweep_is_a_table_in_a_notebook(client: MecaPy) -> None:
    @client.task
    def echoed(x):
        return {"told": 1 / len(x) and x}

    shown = echoed.map(["<img>", "", *"abc" * 17])._repr_html_()
    assert "<caption>MecaPy sweep: 52 of 53 completed; the last 3 are not shown" in shown
    assert shown.count("<tr>") == 51
    assert "<td>{&#x27;told&#x27;: &#x27;&lt;img&gt;&#x27;}</td>" in shown
    assert "ZeroDivisionError: division by zero</span>" in shown
    assert "<img" not in shown
