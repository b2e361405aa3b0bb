"""NIH ChestX-ray14: Data_Entry_2017*.csv, whose column `Finding Labels` joins the positive classes by a bar.

Wang et al., CVPR 2017 (doi 10.1109/CVPR.2017.369); 112,120 images of 30,805 patients. The official lists
train_val_list.txt (86,524) and test_list.txt (25,596) are given as `split_train` and `split_test`.
"""

from analysis.sweep.layouts.registry import Layout, Opened, from_lists, register

CLASSES = (
    "Atelectasis", "Cardiomegaly", "Effusion", "Infiltration", "Mass", "Nodule", "Pneumonia", "Pneumothorax",
    "Consolidation", "Edema", "Emphysema", "Fibrosis", "Pleural_Thickening", "Hernia", "No Finding",
)  # fmt: skip


def _arrange(opened: Opened) -> None:
    from_lists(opened, "Finding Labels", lambda cell: cell.split("|") if cell else (), CLASSES)


register(
    Layout(
        "nih-cxr14", "NIH ChestX-ray14: Data_Entry_2017*.csv, lists of names per split", "Image Index", CLASSES,
        _arrange, carries_people=True,
    )
)  # fmt: skip
