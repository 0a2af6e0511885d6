using System.Text.Json.Nodes;
using Microsoft.OpenApi;

namespace AkkaCharging.Host.Http;

/// <summary>A rule for a field of a body beyond its type, for the API's description.</summary>
[AttributeUsage(AttributeTargets.Property | AttributeTargets.Parameter, AllowMultiple = true)]
internal abstract class SchemaRuleAttribute : Attribute
{
    /// <summary>Writes the rule into the field's schema.</summary>
    /// <param name="isNullable">Whether the field may be null.</param>
    public abstract void Describe(OpenApiSchema field, bool isNullable);
}

/// <summary>The field has a format, a length or a range.</summary>
internal sealed class FieldAttribute : SchemaRuleAttribute
{
    /// <summary>Replaces the declared type; the default keeps it.</summary>
    public JsonSchemaType Type { get; init; }

    public string? Format { get; init; }

    public string? Pattern { get; init; }

    /// <summary>Minimum length of a string; 0 for none.</summary>
    public int MinLength { get; init; }

    /// <summary>Maximum length of a string; 0 for none.</summary>
    public int MaxLength { get; init; }

    public string? Minimum { get; init; }

    public string? Maximum { get; init; }

    /// <summary>Minimum length of a list; 0 for none.</summary>
    public int MinItems { get; init; }

    public override void Describe(OpenApiSchema field, bool isNullable)
    {
        field.Type = Type == default ? field.Type : Type;
        field.Format = Format ?? field.Format;
        field.Pattern = Pattern ?? field.Pattern;
        field.MinLength = MinLength > 0 ? MinLength : field.MinLength;
        field.MaxLength = MaxLength > 0 ? MaxLength : field.MaxLength;
        field.Minimum = Minimum ?? field.Minimum;
        field.Maximum = Maximum ?? field.Maximum;
        field.MinItems = MinItems > 0 ? MinItems : field.MinItems;
    }
}

/// <summary>The field contains one of a fixed list of words.</summary>
internal class OneOfAttribute(params string[] words) : SchemaRuleAttribute
{
    public sealed override void Describe(OpenApiSchema field, bool isNullable)
    {
        field.Enum = [.. words.Select(word => JsonValue.Create(word))];
        if (isNullable)
            field.Enum.Add(null!); // the library has no type for a JSON null
    }
}

/// <summary>The field contains one of the names of an enum.</summary>
internal sealed class OneOfAttribute<TWords>() : OneOfAttribute([.. TWords.All])
    where TWords : IWords;

/// <summary>The field may be omitted.</summary>
[AttributeUsage(AttributeTargets.Property | AttributeTargets.Parameter)]
internal sealed class OptionalAttribute : Attribute;

/// <summary>The body has no fields other than those described.</summary>
[AttributeUsage(AttributeTargets.Class)]
internal sealed class ClosedAttribute : Attribute;
