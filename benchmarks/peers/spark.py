"""Spark MLlib in local mode, on all cores, its rows in memory as vectors."""

import time

from pyspark import StorageLevel
from pyspark.ml.clustering import GaussianMixture
from pyspark.ml.feature import VectorAssembler
from pyspark.sql import SparkSession


def prepare(told):
    """Read Parquet, keep the rows, and return fits of so many iterations."""
    session = (
        SparkSession.builder.master("local[*]")
        .config("spark.ui.enabled", "false")
        .config("spark.driver.memory", str(told["memory"]))
        .getOrCreate()
    )
    session.sparkContext.setLogLevel("ERROR")
    table = session.read.parquet(str(told["path"]))
    vectors = VectorAssembler(inputCols=table.columns, outputCol="features")
    rows = vectors.transform(table).select("features")
    rows = rows.persist(StorageLevel.MEMORY_AND_DISK)
    rows.count()

    def answer(iterations):
        mixture = GaussianMixture(
            k=int(told["n_components"]), maxIter=iterations, tol=0.0, seed=1
        )
        begun = time.perf_counter()
        summary = mixture.fit(rows).summary
        return {
            "seconds": time.perf_counter() - begun,
            "iterations": summary.numIter,
            "log_likelihood": summary.logLikelihood,
        }

    return answer
