namespace AkkaCharging.Testing;

/// <summary>The repository that the tests were built from.</summary>
internal static class Repository
{
    /// <summary>Full path of the folder that holds <c>AkkaCharging.sln</c>.</summary>
    public static string Root { get; } = FindAbove(new DirectoryInfo(AppContext.BaseDirectory));

    /// <summary>Full paths of the C# files in a folder of the repository that no build has written.</summary>
    public static IEnumerable<string> SourcesIn(string folder) =>
        Directory
            .EnumerateFiles(Path.Combine(Root, folder), "*.cs", SearchOption.AllDirectories)
            .Where(file => !file.Split(Path.DirectorySeparatorChar).Any(part => part is "obj" or "bin"));

    private static string FindAbove(DirectoryInfo? folder)
    {
        for (; folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "AkkaCharging.sln")))
                return folder.FullName;
        }

        throw new DirectoryNotFoundException("No folder above the tests holds AkkaCharging.sln.");
    }
}
