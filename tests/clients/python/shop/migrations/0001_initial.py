"""The extension and the table."""

from django.db import migrations
from pgvector.django import VectorExtension
from shop.models import Item


class Migration(migrations.Migration):
    initial = True
    operations = [
        VectorExtension(),
        migrations.CreateModel(
            name="Item",
            fields=[(field.name, field.clone()) for field in Item._meta.fields],
            options={"db_table": "items"},
        ),
    ]
