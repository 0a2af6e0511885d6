using AkkaCharging.Settings;

namespace AkkaCharging.Tests.Settings;

/// <summary>A working directory with <c>hocon/</c>, for one test.</summary>
internal sealed class SettingsFolder : IDisposable
{
    /// <summary>Lets the defaults start: they listen beyond loopback.</summary>
    public const string Anonymous = "server.allowAnonymous = true\n";

    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("settings-");

    public Dictionary<string, string> Environment { get; } = new(StringComparer.Ordinal);

    public string? ConfigFile { get; set; }

    public bool Development { get; set; }

    public string Path => _directory.FullName;

    public string BaseDirectory { get; set; } =
        System.IO.Path.Combine(System.IO.Path.GetTempPath(), "there-is-no-such-directory");

    public SettingsFolder File(string name, string text) => File(name, System.Text.Encoding.UTF8.GetBytes(text));

    public SettingsFolder File(string name, byte[] bytes)
    {
        var file = System.IO.Path.Combine(Path, name);
        Directory.CreateDirectory(System.IO.Path.GetDirectoryName(file)!);
        System.IO.File.WriteAllBytes(file, bytes);
        return this;
    }

    public SettingsFolder Variable(string name, string value)
    {
        Environment[name] = value;
        return this;
    }

    public ChargingSettings Load() =>
        SettingsLoader.Load(new SettingsSources(ConfigFile, Development, Environment, Path, BaseDirectory));

    public IReadOnlyList<string> Problems() => Assert.Throws<InvalidSettingsException>(Load).Problems;

    public void Dispose() => _directory.Delete(recursive: true);
}

/// <summary>Short ways to load one text or one variable.</summary>
internal static class Loading
{
    public static ChargingSettings Application(string text)
    {
        using var folder = new SettingsFolder();
        return folder.File("hocon/application.conf", SettingsFolder.Anonymous + text).Load();
    }

    /// <summary>The problems of an <c>application.conf</c> of exactly this text, and of nothing else.</summary>
    public static IReadOnlyList<string> ProblemsOf(string text) => ProblemsOf(System.Text.Encoding.UTF8.GetBytes(text));

    public static IReadOnlyList<string> ProblemsOf(byte[] bytes)
    {
        using var folder = new SettingsFolder();
        var anonymous = bytes.AsSpan().IndexOf("allowAnonymous"u8) < 0;
        return folder
            .File("hocon/application.conf", bytes)
            .Variable(anonymous ? "SERVER_ALLOW_ANONYMOUS" : "SERVER_HOST", anonymous ? "true" : "localhost")
            .Problems();
    }

    public static ChargingSettings Variable(string name, string value)
    {
        using var folder = new SettingsFolder();
        return folder.Variable("SERVER_ALLOW_ANONYMOUS", "true").Variable(name, value).Load();
    }

    public static IReadOnlyList<string> ProblemsOfVariable(string name, string value)
    {
        using var folder = new SettingsFolder();
        return folder.Variable("SERVER_ALLOW_ANONYMOUS", "true").Variable(name, value).Problems();
    }
}
