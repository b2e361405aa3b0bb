"""Any CSV with one name column and one column per class, and the long-tailed editions of NIH's and MIMIC's labels."""

from analysis.frames import MIMIC_CLASSES, NIH_CLASSES
from analysis.sweep.layouts.registry import PEOPLE, Layout, Opened, register


def _say_separator(opened: Opened) -> None:
    names = {",": "a comma", ";": "a semicolon", "\t": "a tab", "|": "a bar"}
    opened.notes.append(
        f"{opened.where.name}: cells are separated by {names[opened.table.attrs['separator']]}"
    )


register(Layout("table", "a name column and one column per class, per split", people=PEOPLE))

for _name, _column, _classes in (("nih-cxr-lt", "id", NIH_CLASSES), ("mimic-cxr-lt", "path", MIMIC_CLASSES)):
    _meaning = f"{_name.upper()}: miccai2023_{_name}_labels_*.csv"
    register(Layout(_name, _meaning, _column, _classes, people=PEOPLE))

register(
    Layout(
        "manifest", "a table that also tells views, sexes, ages, patients and studies", arrange=_say_separator,
        carries_people=True,
    )
)  # fmt: skip
