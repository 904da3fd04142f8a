"""The indexes."""

from django.db import migrations
from shop.models import Item


class Migration(migrations.Migration):
    dependencies = [("shop", "0001_initial")]
    operations = [migrations.AddIndex(model_name="item", index=index.clone()) for index in Item._meta.indexes]
