from typing import Any

from django.db import migrations, models


def keep_rights(apps: Any, schema_editor: Any) -> None:
    """Whoever represented an organisation could do everything for it, and goes on so; an operator needs no second hat."""
    apps.get_model("exchange", "Representative").objects.update(role="owner")
    apps.get_model("exchange", "Person").objects.filter(is_operator=True).update(is_auditor=False)


class Migration(migrations.Migration):
    dependencies = [
        ("auth", "0012_alter_user_first_name_max_length"),
        ("exchange", "0008_relation_shares"),
    ]

    operations = [
        migrations.AddField(
            model_name="person",
            name="is_reviewer",
            field=models.BooleanField(default=False),
        ),
        migrations.AddField(
            model_name="representative",
            name="role",
            field=models.CharField(
                choices=[("owner", "Owner"), ("manager", "Manager"), ("finance", "Finance"), ("member", "Member")],
                default="member",
                max_length=10,
            ),
        ),
        migrations.RunPython(keep_rights, migrations.RunPython.noop, elidable=True),
        migrations.AddConstraint(
            model_name="person",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("is_auditor", True), _negated=True),
                    models.Q(("is_operator", False), ("is_reviewer", False)),
                    _connector="OR",
                ),
                name="auditor_is_nothing_else",
            ),
        ),
    ]
