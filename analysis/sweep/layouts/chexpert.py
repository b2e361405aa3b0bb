"""CheXpert: train.csv and valid.csv, 1, 0, -1 (uncertain) or blank (not mentioned) in 14 columns.

Irvin et al., AAAI 2019 (arXiv 1901.07031); 224,316 images of 65,240 patients, of them 223,414 in train.csv and 234 in
valid.csv. Columns: Path, Sex, Age, Frontal/Lateral, AP/PA, then the classes.
"""

from analysis.sweep.layouts.registry import Layout, Opened, need_columns, register

CLASSES = (
    "No Finding", "Enlarged Cardiomediastinum", "Cardiomegaly", "Lung Opacity", "Lung Lesion", "Edema",
    "Consolidation", "Pneumonia", "Atelectasis", "Pneumothorax", "Pleural Effusion", "Pleural Other", "Fracture",
    "Support Devices",
)  # fmt: skip


def _arrange(opened: Opened) -> None:
    need_columns(opened, "Path")
    opened.table["study"] = opened.table["Path"].str.extract(r"(patient\d+/study\d+)")[0].fillna("")


register(Layout("chexpert", "CheXpert: train.csv, valid.csv", "Path", CLASSES, _arrange, carries_people=True))
