namespace AkkaCharging.Requests;

/// <summary>The body of a request's callbacks: <c>callbackFormat</c> of a submission.</summary>
internal enum CallbackFormat
{
    /// <summary>The four fields of the contract.</summary>
    Default,

    /// <summary>The four fields, then what else is known about the decision.</summary>
    Extended,
}

/// <summary>How callback formats are spelled in JSON and in the journal.</summary>
internal static class CallbackFormats
{
    private static readonly string[] Names = ["default", "extended"];

    /// <summary><c>default</c> or <c>extended</c>.</summary>
    public static string Name(this CallbackFormat format) => Names[(int)format];

    /// <summary>Reads what the journal has; what this version does not know is the default.</summary>
    public static CallbackFormat FromJournal(string? name) =>
        TryParse(name, out var format) ? format : CallbackFormat.Default;

    /// <summary>Reads what <see cref="Name"/> wrote.</summary>
    public static bool TryParse(string? name, out CallbackFormat format)
    {
        var index = Array.IndexOf(Names, name);
        format = (CallbackFormat)Math.Max(index, 0);
        return index >= 0;
    }
}
