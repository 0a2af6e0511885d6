using System.Reflection;

namespace AkkaCharging;

/// <summary>The version of this build, as packages, user agents and <c>--version</c> name it.</summary>
internal static class ProductVersion
{
    /// <summary>Semantic version, for example <c>0.2.0</c>.</summary>
    public static string Text { get; } =
        typeof(ProductVersion)
            .Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!
            .InformationalVersion;
}
