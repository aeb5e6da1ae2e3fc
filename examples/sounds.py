"""One sound, two questions: which digit was said, and by whom. Run it where `data/` is."""

import plait

# The kinds are guessed: `sound` holds paths of WAV files. Both targets share one encoder.
table = plait.Table.of("data/digits/digits.csv")
train, test = table.where("split", "train"), table.where("split", "test")

learner = plait.Learner(
    targets={"digit": "Multiclass", "speaker": "Multiclass"},
    inputs={"split": "ignore"},
    training=plait.Training(epochs=25),
)
learner.fit(train)
print({name: type(part).__name__ for name, part in learner.schema.inputs.items()})
print(learner.evaluate(test))

# An answer for two files, as it would be asked for later.
answers = learner.predict({"sound": ["sounds/7_theo_0.wav", None]}, root="data/digits")
print(answers["digit"], answers["speaker"])
assert learner.evaluate(test)["speaker"]["accuracy"] > 0.8
