"""The model of an application in Django, with its indexes."""

from common import TASK
from django.db import models
from pgvector.django import BitField, HalfVectorField, HnswIndex, IvfflatIndex, SparseVectorField, VectorField

queries = TASK["queries"]
INDEXES = {"hnsw": HnswIndex, "ivfflat": IvfflatIndex}


class Item(models.Model):
    id = models.BigIntegerField(primary_key=True)
    category = models.TextField()
    embedding = VectorField(dimensions=len(queries["embedding"]), null=True)
    coarse = VectorField(dimensions=len(queries["coarse"]), null=True)
    half = HalfVectorField(dimensions=len(queries["half"]), null=True)
    sparse = SparseVectorField(dimensions=queries["sparse"]["dimensions"], null=True)
    bits = BitField(length=len(queries["bits"]), null=True)

    class Meta:
        db_table = "items"
        indexes = [
            INDEXES[method](fields=[column], opclasses=[opclass], name=f"items_{number}", **TASK["options"][method])
            for number, (column, _, method, opclass) in enumerate(TASK["questions"])
        ]
