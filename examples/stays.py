"""The first two days of stays in intensive care, and five questions. Run it where `data/` is."""

import plait
from plait.data import nested

# Measurements come one a row (whose, when, what, how much): 138,000 of 37 kinds, at any minute.
# `nested` brings them to the 340 stays that they belong to, as one more column: `series`.
stays = nested(
    "data/icu/patients.csv",
    "data/icu/series.csv.gz",
    key="RecordID",
    time="minute",
    variable="variable",
)
train, test = stays.where("split", "train"), stays.where("split", "test")

# An empty label is masked: most stays have no date of death, and teach the other questions.
targets = {
    "In_hospital_death": "Binary",
    **dict.fromkeys(["SAPS_I", "SOFA", "Length_of_stay", "Survival"], "Regression"),
}
learner = plait.Learner(
    targets=targets,
    inputs={"RecordID": "ignore", "split": "ignore", "ICUType": "categorical"},
    training=plait.Training(epochs=10),
)
learner.fit(train)
print({name: type(part).__name__ for name, part in learner.schema.inputs.items()})

# What is the series worth? Its column is hidden from the same model, which answers all the same.
whole, without = learner.evaluate(test), learner.evaluate(test, drop=["series"])
print(whole)
print("death, AUC:", *(each["In_hospital_death"]["roc_auc"] for each in (whole, without)))
print("SOFA, R2:  ", *(each["SOFA"]["r2"] for each in (whole, without)))
assert whole["SOFA"]["r2"] > without["SOFA"]["r2"]
