"""Small label files in the layouts of published data sets, cell by cell as their documentation says."""
# ruff: noqa: E501

from pathlib import Path

NIH = """Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position,OriginalImage[Width,Height],OriginalImagePixelSpacing[x,y],
00000001_000.png,Cardiomegaly,0,1,58,M,PA,2682,2749,0.143,0.143,
00000001_001.png,Cardiomegaly|Emphysema,1,1,58,M,PA,2894,2729,0.143,0.143,
00000002_000.png,No Finding,0,2,81,M,AP,2500,2048,0.171,0.171,
00000003_000.png,Hernia|Pleural_Thickening,0,3,75,F,PA,2582,2991,0.143,0.143,
"""
CHEXPERT = """Path,Sex,Age,Frontal/Lateral,AP/PA,No Finding,Enlarged Cardiomediastinum,Cardiomegaly,Lung Opacity,Lung Lesion,Edema,Consolidation,Pneumonia,Atelectasis,Pneumothorax,Pleural Effusion,Pleural Other,Fracture,Support Devices
CheXpert-v1.0/train/patient00001/study1/view1_frontal.jpg,Female,68,Frontal,AP,1.0,,,,,,,,,0.0,,,,1.0
CheXpert-v1.0/train/patient00002/study2/view1_frontal.jpg,Male,87,Frontal,PA,,,-1.0,1.0,,-1.0,-1.0,,-1.0,,-1.0,,1.0,
CheXpert-v1.0/train/patient00002/study2/view2_lateral.jpg,Male,87,Lateral,,,,-1.0,1.0,,-1.0,-1.0,,-1.0,,-1.0,,1.0,
"""
MIMIC_LABELS = """subject_id,study_id,Atelectasis,Cardiomegaly,Consolidation,Edema,Enlarged Cardiomediastinum,Fracture,Lung Lesion,Lung Opacity,No Finding,Pleural Effusion,Pleural Other,Pneumonia,Pneumothorax,Support Devices
10000032,50414267,,,,,,,,,1.0,,,,,
10000764,57375967,,,1.0,,,,,,,,,-1.0,,
"""
MIMIC_SPLIT = """dicom_id,study_id,subject_id,split
02aa,50414267,10000032,train
174b,50414267,10000032,train
096e,57375967,10000764,test
dddd,59999999,10000764,test
"""
MIMIC_METADATA = """dicom_id,subject_id,study_id,PerformedProcedureStepDescription,ViewPosition,Rows,Columns,StudyDate,StudyTime
02aa,10000032,50414267,CHEST (PA AND LAT),PA,3056,2544,21800506,213014.531
174b,10000032,50414267,CHEST (PA AND LAT),LATERAL,3056,2544,21800506,213014.531
096e,10000764,57375967,CHEST (PA AND LAT),AP,2544,3056,21321015,083000.0
"""
PADCHEST = """,ImageID,ImageDir,StudyDate_DICOM,StudyID,PatientID,PatientBirth,PatientSex_DICOM,ViewPosition_DICOM,Projection,MethodLabel,Labels
0,20536686640136348236148679891455886468_k6ga29.png,0,20140915,20536686640136348236148679891455886468,839860488694292331637988235681460987,1930.0,F,POSTEROANTERIOR,PA,Physician,"['pulmonary fibrosis', ' pleural effusion']"
1,135803415504923515076821959678074435083_fzis7b.png,11,20150914,135803415504923515076821959678074435083,313572750430997347502932654319389875966,1929.0,M,LATERAL,L,RNN,['normal']
2,113855343774216031107737439268243531979_3k951l.png,0,20140514,113855343774216031107737439268243531979,50783093527901818115346441867348318648,,,AP,AP_horizontal,Physician,
"""
VINDR_CLASSES = (
    "Aortic enlargement,Atelectasis,Calcification,Cardiomegaly,Clavicle fracture,Consolidation,Edema,Emphysema,"
    "Enlarged PA,ILD,Infiltration,Lung Opacity,Lung cavity,Lung cyst,Mediastinal shift,Nodule/Mass,Pleural effusion,"
    "Pleural thickening,Pneumothorax,Pulmonary fibrosis,Rib fracture,Other lesion,COPD,Lung tumor,Pneumonia,"
    "Tuberculosis,Other diseases,No finding"
)


def vindr(rows: list[tuple[str, str, set[str]]]) -> str:
    """Write image_labels_train.csv from (image, reader, classes that the reader saw)."""
    names = VINDR_CLASSES.split(",")
    lines = [
        f"{image},{reader}," + ",".join(str(int(name in seen)) for name in names)
        for image, reader, seen in rows
    ]
    return "\n".join([f"image_id,rad_id,{VINDR_CLASSES}", *lines]) + "\n"


VINDR = vindr(
    [
        ("aa", "R1", {"Cardiomegaly"}), ("bb", "R1", {"No finding"}), ("aa", "R2", {"Cardiomegaly", "Edema"}),
        ("aa", "R3", {"Pneumonia"}), ("bb", "R4", {"No finding"}), ("bb", "R5", {"No finding"}),
    ]
)  # fmt: skip
MANIFEST = """Datei;Ebene;Geschlecht;Alter;Nummer;Aufnahme;Teil;Fraktur;Erguss
a/1.png;PA;F;41;p1;s1;train;1;0
a/2.png;AP;M;52;p2;s2;test;0;1
a/3.png;PA;M;53;p3;s3;test;0;0
"""


def write(folder: Path, **files: str) -> dict[str, Path]:
    """Write files of a folder; return their places."""
    found = {}
    for name, text in files.items():
        found[name] = folder / f"{name}.{'txt' if name.endswith('list') else 'csv'}"
        found[name].write_text(text, encoding="utf-8")
    return found
