"""Exceptions: which bad inputs are taken all the same, where, and how that is documented; all others are refused."""

from __future__ import annotations

__all__ = ["handling"]

AS_NUMBERS = "booleans and whole numbers are used as float64; beyond 2**53 they are rounded"
CHECKED_LATER = "a recording may hold it; prepare drops such units with a warning, and fits refuse them"
DROPPED = "dropped with a warning that names them"
NEW_SAMPLES = "new samples are looked at one by one"
LABELS = "labels of any kind name intervals; each contiguous run of one label is an interval"
INFERRED = "what a variable is follows from its name and values, said by a warning"
UNKNOWN = "NaN and masked values are unknown labels; without any the coordinates are found from the activity"
POINTS = "any points of the inputs' space, one by one; the rank says how many directions are left"
THAT_FITS = "of several arrays those are taken that fit the activity in length"
ALONG_OTHERS = "variables along other dimensions are carried along untouched"
ONLY_NAMES = "names are only names, shown escaped"

RECORDED = "what only a recording could tell is the reason in its row; the other sessions go on"
LISTED = "what is in a file is listed by name, shape and type; nothing is run"
RECORDINGS = ("as_recording", "load(Dataset)", "load(mapping)")
SESSIONS = (*RECORDINGS, "join_sessions")
PREPARED = ("prepare", "find_template")
FITS = ("Topology", "TopologicalVAE", "TopologicalVAE, no labels", "TopologicalVAE, counts", "curvature_profile")
ESTIMATORS = (*FITS, "GeometricAutoencoder", "TopologicalVAE.partial_fit")
TRANSFORMS = (
    "Topology.transform",
    "TopologicalVAE.transform",
    "TopologicalVAE.score",
    "diagnostics.maps",
    "GeometricAutoencoder.transform",
    "GeometricAutoencoder.inverse_transform",
)
CLOSED_FORMS = (
    *(f"featuremaps.infinite_width.{name}" for name in ("NNGP", "NTK", "metric", "eigenvalues", "scalar_curvature")),
    *(f"featuremaps.kernels.{name}" for name in ("RBF", "SmoothLaplace", "Polynomial", "ArcCosine")),
)
SATURATING = ("NNGP", "NTK", "eigenvalues", "scalar_curvature")
OF_A_FIT = (
    "featuremaps.bayesian.WideBayesianNetwork",
    "featuremaps.bayesian.monomial_volume_ratio",
    "kernel_learning.volume_change",
)
INPUTS = ("featuremaps.layer", "featuremaps.estimate_log_volume")
CLOUDS = ("topology.persistence_diagrams",)
MAPS = (*INPUTS, *CLOUDS, "featuremaps.shallow", "featuremaps.kernels.metric", *CLOSED_FORMS, *OF_A_FIT)
LABELLED = ("TopologicalVAE", "TopologicalVAE, counts", "TopologicalVAE.partial_fit", "curvature_profile")
OF_FITS = (
    "statistics.held_out_variance",
    "statistics.compare_conditions",
    "statistics.explained_curvature",
    "statistics.curvature_controls",
    "statistics.seed_ensemble",
)
VARIATION = "statistics.curvature_variation"

COMPARED = ("compare.cka", "compare.procrustes", "compare.rsa", "compare.matrix")
# Of activity and something beside it.
PAIRS = (
    *COMPARED,
    "diagnostics.manifold_error",
    "diagnostics.neighborhoods",
    "diagnostics.wrong_manifold",
    "diagnostics.learned_curves",
)
KERNELS = ("AmariWuClassifier", "RecursiveFeatureMachine", "SelfSupervisedKernel")
PLACED = ("align_variable", "track_loop")
LISTINGS = ("inspect", "neuromanifold info")
OF_ONE_SOURCE = ("variable is a word", "variable is a list of words", "align_to is a word")
OF_ONE_RECORDING = (*OF_ONE_SOURCE, "units is a dict")

SILENT = ("a constant unit", "a silent unit")
WHOLE = ("booleans", "small whole numbers", "unsigned 64-bit limits", "int64 limits")

# Entry points, faults, and the handling.
ROWS = (
    ((*SESSIONS, *PREPARED, *ESTIMATORS, *OF_FITS, VARIATION, *TRANSFORMS, *PAIRS, *KERNELS), WHOLE, AS_NUMBERS),
    ((*CLOUDS, "featuremaps.shallow", *CLOSED_FORMS, "kernel_learning.volume_change"), WHOLE, AS_NUMBERS),
    (("featuremaps.bayesian.monomial_volume_ratio",), WHOLE, AS_NUMBERS),
    (("featuremaps.bayesian.WideBayesianNetwork",), WHOLE[:2], AS_NUMBERS),
    (("featuremaps.kernels.metric",), WHOLE[:2], AS_NUMBERS),
    (SESSIONS, ("two samples", "constant", "all zero", *SILENT), CHECKED_LATER),
    (("as_recording", "load(Dataset)"), ("one unit",), CHECKED_LATER),
    (RECORDINGS, ("fewer samples than units",), CHECKED_LATER),
    (SESSIONS, ("duplicate units",), CHECKED_LATER),
    (PREPARED, (*SILENT, "duplicate units", "fewer samples than units"), DROPPED),
    ((*ESTIMATORS, *OF_FITS, VARIATION), ("duplicate units",), "noise of units that share everything is regularised"),
    ((*FITS, "GeometricAutoencoder"), ("fewer samples than units",), "the noise is regularised by its diagonal"),
    (("GeometricAutoencoder",), ("two samples", "one unit"), "it needs 2 rows, and as many units as latents"),
    (("diagnostics.wrong_manifold",), ("two samples",), "the estimator's own least number of rows"),
    (("diagnostics.learned_curves",), ("two samples",), "a curve is learned from its first latent to its last"),
    (("curvature_error",), ("labels: degrees as radians", "labels: one place"), "curvatures may be any numbers"),
    (("compare.curvature",), ("compare.curvature: names is a list of words",), "two names"),
    (KERNELS, ("two samples", "fewer samples than units"), "two different points are enough, in any space"),
    (("GeometricAutoencoder", "TopologicalVAE.partial_fit", *PAIRS, *KERNELS), SILENT, "such a unit adds nothing"),
    (("TopologicalVAE.partial_fit",), ("constant", "all zero", "labels: one place"), "a session may stay in one place"),
    (TRANSFORMS, ("one sample", "two samples", "constant", "all zero", *SILENT, "duplicate units"), NEW_SAMPLES),
    (MAPS, ("one sample", "two samples", "constant", "all zero", *SILENT, "duplicate units"), POINTS),
    (("featuremaps.layer",), ("three dimensions", "underflow"), POINTS),
    (CLOUDS, ("one unit", "fewer samples than units"), "a cloud of points in a space of any dimension"),
    (("featuremaps.estimate_log_volume",), ("overflow", "underflow"), POINTS),
    (("featuremaps.layer",), ("overflow",), "NaN with rank -1 where the Jacobian is not finite"),
    ((*CLOSED_FORMS, "featuremaps.kernels.metric"), ("one unit", "one dimension", "fewer samples than units"), POINTS),
    ((*PAIRS, *KERNELS), ("duplicate units",), "units may repeat one another"),
    ((*COMPARED, "diagnostics.neighborhoods", *KERNELS), ("one unit",), "there may be any number of units"),
    (("AmariWuClassifier",), ("labels: degrees as radians",), "classes may have any names"),
    (("RecursiveFeatureMachine",), ("labels: degrees as radians", "labels: three columns"), "targets are any numbers"),
    ((*RECORDINGS, *PREPARED), ("labels: texts", "labels: objects", "labels: degrees as radians"), INFERRED),
    (("align_variable",), ("labels: texts", "labels: degrees as radians"), INFERRED),
    (("track_loop",), ("labels: degrees as radians",), "positions may be in any unit"),
    ((*SESSIONS, *PREPARED, *LABELLED, *OF_FITS), ("labels: unknown everywhere",), UNKNOWN),
    ((*SESSIONS, *PREPARED, *LABELLED, *OF_FITS), ("labels: masked values", "labels: two known"), UNKNOWN),
    ((*PLACED, VARIATION), ("labels: masked values", "labels: two known"), "what is unknown stays so, or is left out"),
    ((*SESSIONS, *PREPARED, "align_variable"), ("labels: one place",), CHECKED_LATER),
    ((*SESSIONS, *PREPARED, *LABELLED, "Topology"), ("groups: texts",), LABELS),
    ((*SESSIONS, *LABELLED), ("groups: objects", "groups: an interval each", "groups: in turn"), LABELS),
    ((*SESSIONS, *PREPARED), ("time: a gap",), "a gap in time starts a new interval"),
    (("align_variable",), ("time: a gap",), "a gap between time stamps stays a gap: NaN"),
    (("load(Dataset)",), ("labels: other length", "labels: none at all", "labels: three columns"), ALONG_OTHERS),
    (("load(mapping)",), ("labels: other length", "labels: none at all", "labels: three columns"), THAT_FITS),
    (("load(mapping)",), ("groups: other length", "groups: none at all", "groups: two columns"), THAT_FITS),
    (("load(mapping)",), ("time: other length", "time: two columns", "time: texts"), THAT_FITS),
    ((*RECORDINGS, *PREPARED), ("names: hostile",), ONLY_NAMES),
    (("analyze_many",), tuple(f"analyze_many: {words}" for words in OF_ONE_RECORDING), RECORDED),
    (("sessions.analyze_sources",), tuple(f"sessions.analyze_sources: {words}" for words in OF_ONE_SOURCE), RECORDED),
    (("sessions.find_sources",), ("sessions.find_sources: units is a dict",), RECORDED),
    (("checkpoints",), ("checkpoints: folder is a word",), "a folder of any name, made at need"),
    (("neuromanifold analyze-many",), ("neuromanifold analyze-many: --variable speed",), RECORDED),
    (LISTINGS, ("x.npz: code", "x.csv: a pickle of code", "x.npz: code as torch saves it"), LISTED),
    (LISTINGS, ("x.csv: an open quote", "x.csv: formulas"), LISTED),
    (LISTINGS, ("hostile names of file and arrays",), ONLY_NAMES),
    (LISTINGS, ("x.npz: absolute paths in the archive", "x.npz: paths upwards in the archive"), ONLY_NAMES),
)
# Entry points that refuse what their kind takes.
REFUSING = {
    ("AmariWuClassifier", "two samples"),
    ("AmariWuClassifier", "fewer samples than units"),
    ("TopologicalVAE, counts", "unsigned 64-bit limits"),
    ("TopologicalVAE, counts", "int64 limits"),
    ("TopologicalVAE, no labels", "fewer samples than units"),
    ("curvature_profile", "fewer samples than units"),
    *((f"featuremaps.infinite_width.{name}", limits) for name in SATURATING for limits in WHOLE[2:]),
    ("featuremaps.bayesian.monomial_volume_ratio", "all zero"),
    ("featuremaps.shallow", "one sample"),
    ("featuremaps.shallow", "two samples"),
    ("load(mapping)", "groups: objects"),
    ("load(mapping)", "labels: objects"),
}


def handling(entry: str, fault: str) -> str | None:
    """How an entry point takes a fault, None if it must refuse it."""
    if (entry, fault) in REFUSING:
        return None
    found = [how for entries, faults, how in ROWS if entry in entries and fault in faults]
    return found[0] if found else None
